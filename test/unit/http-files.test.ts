import * as assert from 'uvu/assert'
import type { ReadSmall } from '../../daemon/storage/small.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { assertProblem, makeConfig, makeDocument, request, sendRaw, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: files of jobs')

const ID = toJobId('media', 'origin_a.mp4')
const OTHER = toJobId('media', 'origin_b.mp4')

const output = (key: string, contentType: string, sizeBytes = 9) => ({
  key,
  kind: 'video',
  contentType,
  sizeBytes,
  etag: 'e',
  seconds: 1,
})
const keys = {
  master: 'hls_ä b/master.m3u8',
  manifest: 'hls_ä b/manifest.MPD',
  subtitles: 'hls_ä b/v1/sub_1.vtt',
  video: 'hls_ä b/v1/h264-720p.mp4',
  large: 'hls_ä b/v1/large.m3u8',
}
const outputs = [
  output(keys.master, 'application/vnd.apple.mpegurl'),
  output(keys.manifest, 'application/dash+xml'),
  output(keys.subtitles, 'text/vtt'),
  output(keys.video, 'video/mp4'),
  output(keys.large, 'application/vnd.apple.mpegurl', 5e6),
]
const toUrl = (key: string) => key.split('/').map(encodeURIComponent).join('/')
const manual = { redirect: 'manual' } as const

async function startFiles({ urlSeconds = 900, files = true }: { urlSeconds?: number; files?: boolean } = {}) {
  const calls: string[] = []
  const readSmall: ReadSmall = async (key) => {
    calls.push(`read ${key}`)
    if (key === keys.subtitles) return { bytes: new TextEncoder().encode('WEBVTT'), cacheControl: null }
    return { bytes: new TextEncoder().encode('#EXTM3U'), cacheControl: 'max-age=31536000, immutable' }
  }
  const edge = await startEdge({
    config: makeConfig({ http: { files, urlSeconds } }),
    readSmall,
    async readJob(id) {
      calls.push('document')
      if (id === ID) return makeDocument(ID, { state: 'succeeded', outputs })
      return id === OTHER ? makeDocument(OTHER, { outputs: [output('other.mp4', 'video/mp4')] }) : null
    },
    async presignGet(key, method = 'GET') {
      calls.push(`sign ${method} ${key}`)
      return `http://s3/media/${toUrl(key)}?signed=${calls.length}`
    },
  })
  const base = `${edge.url}/video/${ID}/files`
  return { edge, base, calls, [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose]() }
}

test('serves playlists, manifests and subtitles itself, with their types', async () => {
  await using files = await startFiles()
  for (const [key, type, cache] of [
    [keys.master, 'application/vnd.apple.mpegurl', 'private, max-age=31536000, immutable'],
    [keys.manifest, 'application/dash+xml', 'private, max-age=31536000, immutable'],
    [keys.subtitles, 'text/vtt; charset=utf-8', 'private, max-age=10'],
  ] as const) {
    const response = await fetch(`${files.base}/${toUrl(key)}`, manual)
    assert.is(response.status, 200, key)
    assert.is(response.headers.get('content-type'), type)
    assert.is(response.headers.get('cache-control'), cache)
    assert.match(response.headers.get('vary') ?? '', 'authorization, cookie')
    assert.is(response.headers.get('x-content-type-options'), 'nosniff')
    assert.is(await response.text(), key === keys.subtitles ? 'WEBVTT' : '#EXTM3U')
    const head = await fetch(`${files.base}/${toUrl(key)}`, { ...manual, method: 'HEAD' })
    assert.equal([head.status, head.headers.get('content-type'), await head.text()], [200, type, ''])
  }
})

test('serves one byte range of a file: the segments of subtitles are ranges', async () => {
  await using files = await startFiles()
  const get = (range: string, more: RequestInit = {}) =>
    fetch(`${files.base}/${toUrl(keys.subtitles)}`, { ...manual, ...more, headers: { range, ...more.headers } })
  for (const [range, text, contentRange] of [
    ['bytes=0-1', 'WE', 'bytes 0-1/6'],
    ['bytes=2-99', 'BVTT', 'bytes 2-5/6'],
    ['bytes=5-', 'T', 'bytes 5-5/6'],
    ['bytes=-2', 'TT', 'bytes 4-5/6'],
    ['bytes=-99', 'WEBVTT', 'bytes 0-5/6'],
  ] as const) {
    const response = await get(range)
    assert.equal([response.status, response.headers.get('content-range')], [206, contentRange], range)
    assert.is(response.headers.get('content-type'), 'text/vtt; charset=utf-8')
    assert.is(response.headers.get('content-length'), String(text.length))
    assert.is(await response.text(), text)
  }
  for (const range of ['bytes=6-', 'bytes=-0', 'bytes=3-2', 'bytes=0-1,3-4', 'bytes=-', 'lines=0-1', 'bytes=a-b']) {
    const response = await get(range)
    assert.equal([response.status, await response.text()], [200, 'WEBVTT'], range)
    assert.is(response.headers.get('accept-ranges'), 'bytes')
  }
  assert.is((await get('bytes=0-1', { method: 'HEAD' })).status, 200)
  assert.is((await get('bytes=0-1', { headers: { 'if-range': '"e"' } })).status, 200)
})

test('redirects to a presigned URL for other files, and for playlists that are too large', async () => {
  await using files = await startFiles()
  for (const key of [keys.video, keys.large])
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(`${files.base}/${toUrl(key)}`, { ...manual, method })
      assert.is(response.status, 302)
      assert.match(response.headers.get('location') ?? '', `http://s3/media/${toUrl(key)}?signed=`)
      assert.is(response.headers.get('cache-control'), 'private, max-age=60')
      assert.match(response.headers.get('vary') ?? '', 'authorization, cookie')
      assert.is(await response.text(), '')
      assert.ok(files.calls.includes(`sign ${method} ${key}`))
    }
})

test('many byte ranges cost one read of the document and one signature', async () => {
  await using files = await startFiles()
  const url = `${files.base}/${toUrl(keys.video)}`
  const ranges = Array.from({ length: 50 }, (_, n) =>
    fetch(url, { ...manual, headers: { range: `bytes=${n}-${n + 1}` } }),
  )
  const locations = (await Promise.all(ranges)).map(({ headers }) => headers.get('location'))
  assert.is(new Set(locations).size, 1)
  assert.equal(files.calls, ['document', `sign GET ${keys.video}`])
})

test('a URL that expires soon is not kept, nor is its redirect', async () => {
  await using files = await startFiles({ urlSeconds: 1 })
  const response = await fetch(`${files.base}/${toUrl(keys.video)}`, manual)
  assert.is(response.headers.get('cache-control'), 'private, max-age=0')
})

test('there is nothing but the outputs of the job', async () => {
  await using files = await startFiles()
  const paths = [
    '',
    'origin_a.mp4',
    'other.mp4',
    '.mediad/jobs/x.json',
    'hls_%C3%A4%20b',
    'hls_%C3%A4%20b/',
    toUrl(keys.video).replaceAll('/', '%2F'),
    toUrl(keys.video).replaceAll('/', '%2f'),
    toUrl(keys.video).replaceAll('/', '%252F'),
    toUrl(keys.video).replaceAll('/', '//'),
    `${toUrl(keys.video)}/`,
    `/${toUrl(keys.video)}`,
    `x/%2e%2e/${toUrl(keys.video).replace('hls', 'HLS')}`,
    '%',
    '%00',
    '%ff',
  ]
  for (const path of paths) {
    const response = await request(`${files.base}/${path}`, manual)
    assertProblem(response, 404)
    assert.ok(['output.not_found', 'request.not_found'].includes(String(response.body.code)), path)
  }
  assertProblem(await request(`${files.edge.url}/video/${OTHER}/files/${toUrl(keys.video)}`, manual), 404)
  assertProblem(await request(`${files.edge.url}/video/${'0'.repeat(32)}/files/${toUrl(keys.video)}`, manual), 404)
  for (const path of [
    `/video/${ID}/files/../../secret`,
    `/video/${ID}/files/x/../${toUrl(keys.video)}x`,
    `/video/${ID}/files/..\\x`,
  ]) {
    const raw = await sendRaw(files.edge.port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
    assert.match(raw, /^HTTP\/1\.1 40[04] /, path)
  }
  assert.equal([...new Set(files.calls)], ['document'])
})

test('a file that was deleted from the bucket is missing', async () => {
  await using edge = await startEdge({
    config: makeConfig({ http: { files: true } }),
    readJob: async () => makeDocument(ID, { outputs }),
    readSmall: async () => null,
  })
  assertProblem(await request(`${edge.url}/video/${ID}/files/${toUrl(keys.master)}`), 404, /no output/)
})

test('is off by default', async () => {
  await using files = await startFiles({ files: false })
  const response = await request(`${files.base}/${toUrl(keys.video)}`, manual)
  assertProblem(response, 404)
  assert.is(response.body.code, 'request.not_found')
})
