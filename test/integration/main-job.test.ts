import { openAsBlob } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { startFleet } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo, probeFile } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'

const test = runInParallel(suite('main job'))

const chain = `[transcode({ preset: 'ultrafast' }), thumbnail({ at: '50%' }), upload()]`

test('presigned upload → queue → transcode, thumbnail, upload → S3', async () => {
  await using fleet = await startFleet({ chain })
  await using folder = await temporaryFolder()
  const [daemon] = fleet.daemons
  const file = join(folder.path, 'in.mp4')
  await makeVideo(file, { codec: 'hevc', width: 320, height: 180, rotate: 90, seconds: 2 })

  const response = await fetch(`${daemon?.url}/video/pre-signed-url`, {
    method: 'POST',
    body: '{"filename":"My video.mp4"}',
  })
  const { preSignedUrl, id, key } = (await response.json()) as Record<string, string>
  assert.is((await fetch(`${daemon?.url}/video/${id}`)).status, 404)
  const put = await fetch(preSignedUrl ?? '', { method: 'PUT', body: await openAsBlob(file) })
  assert.is(put.status, 200)

  const document = await fleet.waitUntilFinished(key ?? '')
  assert.is(document.state, 'succeeded')
  assert.is(document.id, id)
  assert.is(document.attempt, 1)
  const [video, thumbnail] = document.outputs
  assert.match(video?.key ?? '', /^cvted_.*-My-video\.mp4$/)
  assert.match(thumbnail?.key ?? '', /^thumb_.*-My-video\.jpg$/)
  assert.is(video?.media?.codec, 'h264')
  assert.equal([video?.media?.width, video?.media?.height], [180, 320])
  assert.equal([thumbnail?.media?.width, thumbnail?.media?.height], [180, 320])
  assert.ok(Math.abs((video?.media?.durationSeconds ?? 0) - 2) < 0.1)
  for (const output of document.outputs) {
    const head = await fleet.cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: output.key }))
    assert.is(head.ContentLength, output.sizeBytes)
    assert.is(head.ETag, `"${output.etag}"`)
    assert.is(head.ContentType, output.contentType)
    assert.is(head.Metadata?.['mediad-job'], id)
  }
  const result = join(folder.path, 'out.mp4')
  await writeFile(result, await fleet.cloud.get(video?.key ?? ''))
  assert.is((await readFile(result)).subarray(0, 4096).indexOf('moov') > 0, true, 'the index is at the front')
  assert.ok(await probeFile(result))

  const publicJob = (await (await fetch(`${daemon?.url}/video/${id}`)).json()) as Record<string, unknown>
  assert.is(publicJob.state, 'succeeded')
  assert.not.ok('owner' in publicJob)
  await fleet.waitUntilDrained()
  assert.equal(await fleet.takeDeadMessages(), [])
  assert.is(await daemon?.stop(), 0)
})

const notes = `const note = definePlugin('note', z.object({}), () => ({
  keys: ['note_{name}'],
  async run({ workspace, source, add }) {
    await writeFile(join(workspace, 'note'), source.key)
    await add(join(workspace, 'note'), 'note', { key: 'note_{name}', contentType: 'text/plain' })
  },
}))`

const hardKeys = [
  'origin_two words + 50%.mp4',
  `origin_it's "quoted".mp4`,
  'origin_한국어 이름.mp4',
  'origin_🎬🎉.mp4',
  'origin_-dash.mp4',
  'origin_$(touch x)`touch y`;&|.mp4',
  'origin_two\nlines.mp4',
  'origin_%252e%252e%252f.mp4',
  'origin_$&{name}.mp4',
  `origin_${'a'.repeat(200)}/${'b'.repeat(200)}/${'c'.repeat(200)}/${'d'.repeat(200)}/${'e'.repeat(180)}.mp4`,
]

test.exhaustive('processes sources with any key', async () => {
  await using fleet = await startFleet({ chain: '[note(), upload()]', code: notes })
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'tiny.mp4')
  await makeVideo(file)
  const video = await readFile(file)
  for (const key of hardKeys) await fleet.cloud.put(key, video)
  for (const key of hardKeys) {
    const document = await fleet.waitUntilFinished(key)
    assert.is(document.state, 'succeeded', `${key}: ${document.error?.message}`)
    const name = key.slice('origin_'.length, -'.mp4'.length)
    assert.is((await fleet.cloud.get(`note_${name}`)).toString(), key)
  }
  await fleet.waitUntilDrained()
})

test.exhaustive(
  'accepts several records, SNS and EventBridge bodies, and deletes messages that are not for a job',
  async () => {
    await using fleet = await startFleet({ chain: '[note(), upload()]', code: notes })
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'tiny.mp4')
    await makeVideo(file)
    const keys = ['origin_a.mp4', 'origin_b.mp4', 'origin_c.mp4', 'origin_d.mp4']
    const video = await readFile(file)
    const sources = []
    for (const [n, key] of keys.entries()) {
      const etag = await fleet.cloud.put(key, video)
      sources.push({ bucket: BUCKET, key, etag, sizeBytes: video.length, sequencer: `0${n}` })
    }
    for (const key of keys) await fleet.waitUntilFinished(key) // started by the store's notifications
    const [a, b, c, d] = sources.map(toNotificationBody).map((body) => JSON.parse(body) as { Records: object[] })
    await fleet.notify(JSON.stringify({ Records: [...(a?.Records ?? []), ...(b?.Records ?? [])] }))
    await fleet.notify(JSON.stringify({ Type: 'Notification', Message: JSON.stringify(c) }))
    const object = { key: keys[3], size: video.length, etag: sources[3]?.etag, sequencer: '03' }
    await fleet.notify(
      JSON.stringify({
        source: 'aws.s3',
        'detail-type': 'Object Created',
        detail: { bucket: { name: BUCKET }, object },
      }),
    )
    await fleet.notify(JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: BUCKET }))
    await fleet.notify(JSON.stringify(d).replace('ObjectCreated:Put', 'ObjectRemoved:Delete'))
    await fleet.waitUntilDrained()
    assert.is(fleet.countEvents('job.started'), 4)
    assert.equal(await fleet.takeDeadMessages(), [])
  },
)

test.exhaustive('dead-letters a body that is not a notification, with the reason', async () => {
  await using fleet = await startFleet({ chain: '[note(), upload()]', code: notes })
  const bodies = [
    'null',
    '[]',
    '{}',
    '{"Records":[]}',
    '{"Records":[{"s3":null}]}',
    '{"__proto__":{"Records":[]}}',
    'x'.repeat(200_000),
  ]
  for (const body of bodies) await fleet.notify(body)
  await fleet.waitUntilDrained()
  const dead = await fleet.takeDeadMessages()
  assert.is(dead.length, bodies.length)
  for (const message of dead) assert.is(message.reason, 'message.invalid')
})
