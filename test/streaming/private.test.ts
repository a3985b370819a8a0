/** Plays a presentation from a private bucket through the endpoint, without a CDN. */
import { HTTPResponse } from 'h3'
import * as assert from 'uvu/assert'
import type { HttpRoute } from '../../daemon/http/route.ts'
import { createPresignGet } from '../../daemon/storage/presign.ts'
import { createReadSmall } from '../../daemon/storage/small.ts'
import { toJobId, type Output } from '../../daemon/vocabulary/job.ts'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { makeConfig, makeDocument, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'
import { chromiumPath, openBrowser } from '../helpers/browser.ts'
import { html, playAt } from './browser.ts'
import { makePresentation } from './package.ts'

const test = suite('private bucket', { exhaustive: true })

const ID = toJobId(BUCKET, 'origin_source.mp4')

/** A page of the same origin as the endpoint, which scripts and files of the embedded S3 can be added to. */
const page: HttpRoute = {
  method: 'GET',
  path: '/page',
  handler: () => {
    const headers = {
      'content-type': 'text/html',
      'content-security-policy': "default-src * 'unsafe-inline' blob: data:",
    }
    return new HTTPResponse(html, { headers })
  },
}

if (chromiumPath === null) test.skip('plays', 'Chromium is not installed: apt-get install chromium')
else
  test('players get an HLS and a DASH presentation from a private bucket, by redirects for each byte range', async () => {
    await using made = await makePresentation({
      video: { seconds: 8, width: 640, height: 360 },
      transcode: { renditions: [{ height: 360 }, { height: 240 }] },
    })
    await using cloud = await startCloud()
    const outputs: Output[] = []
    for (const [key, bytes] of made.files) {
      const etag = await cloud.put(key, bytes)
      outputs.push({ key, kind: 'hls', contentType: '', sizeBytes: bytes.length, etag, seconds: 0 })
    }
    const anonymous = await fetch(`${cloud.local.s3Endpoint}/${BUCKET}/${made.master}`)
    assert.is(anonymous.status, 403, 'the bucket is private')
    let signed = 0
    const presign = createPresignGet({ client: cloud.s3, bucket: BUCKET, urlSeconds: 900 })
    await using edge = await startEdge({
      config: makeConfig({ http: { files: true } }),
      more: [page],
      readJob: async (id) => (id === ID ? makeDocument(ID, { state: 'succeeded', error: null, outputs }) : null),
      readSmall: createReadSmall({ client: cloud.s3, bucket: BUCKET }),
      presignGet: (key, method) => (signed++, presign(key, method)),
    })
    const browser = await openBrowser()
    try {
      const plan = [
        { height: 360, seconds: 1 },
        { height: 240, seek: 4, seconds: 1 },
      ]
      for (const [player, key] of [
        ['hls', made.master],
        ['dash', made.manifest],
      ] as const) {
        const url = `${edge.url}/video/${ID}/files/${key}`
        const report = await playAt(browser, { page: `${edge.url}/page`, url, player, plan })
        assert.equal(report.errors, [], player)
        assert.equal(report.heights, [360, 240])
        assert.ok(report.ended)
        assert.is(report.stalls, 0)
      }
      assert.ok(signed > 0 && signed <= outputs.length * 2, `${signed} signatures`)
    } finally {
      await browser.close()
    }
  })
