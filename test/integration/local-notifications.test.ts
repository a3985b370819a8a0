import { CopyObjectCommand, DeleteObjectCommand } from '@aws-sdk/client-s3'
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { Upload } from '@aws-sdk/lib-storage'
import * as assert from 'uvu/assert'
import { createBridge } from '../../daemon/local/s3/bridge.ts'
import type { Log } from '../../daemon/vocabulary/log.ts'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { route } from '../helpers/fakes.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('embedded S3: event notifications')

type EventRecord = {
  eventVersion: string
  eventSource: string
  eventName: string
  eventTime: string
  awsRegion: string
  s3: {
    bucket: { name: string; arn: string }
    object: { key: string; size: number; eTag: string; sequencer: string }
  }
}

test('a write sends an event notification in the format of S3', async () => {
  await using cloud = await startCloud()
  const etag = await cloud.put('origin_a b+c/ä(1).mp4', 'four')
  const [record] = await drain(cloud, 1)
  const { eventTime, s3, ...rest } = record as EventRecord & { s3: object }
  assert.equal(pick(rest, ['eventVersion', 'eventSource', 'awsRegion', 'eventName']), {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'us-east-1',
    eventName: 'ObjectCreated:Put',
  })
  assert.match(eventTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.equal(pick(s3.bucket, ['name', 'arn']), { name: BUCKET, arn: `arn:aws:s3:::${BUCKET}` })
  assert.equal(pick(s3.object, ['key', 'size', 'eTag']), {
    key: 'origin_a+b%2Bc/%C3%A4%281%29.mp4',
    size: 4,
    eTag: etag,
  })
  assert.match(s3.object.sequencer, /^[0-9A-F]{18}$/)
})

test('the daemon can read every key from it', async () => {
  await using cloud = await startCloud()
  const keys = [
    'origin_two  words.mp4',
    'origin_+%2B%.mp4',
    `origin_'"<&>.mp4`,
    'origin_안녕 😀.mp4',
    'origin_$(touch x)\n.mp4',
  ]
  for (const key of keys) await cloud.put(key, key)
  const bodies = await drainBodies(cloud, keys.length)
  const sources = bodies.flatMap((body) => {
    const notification = parseNotification(body, { bucket: BUCKET, routes: [route] })
    return notification.kind === 'sources' ? notification.sources : []
  })
  assert.equal(sources.map(({ source }) => source.key).toSorted(), keys.toSorted())
})

test('each kind of write has its event name; removals and quiet prefixes send nothing', async () => {
  await using cloud = await startCloud({ quietPrefixes: ['.mediad/', 'quiet/'] })
  await cloud.put('.mediad/jobs/1.json', '{}')
  await cloud.put('quiet/x', 'x')
  await cloud.put('source', 'x')
  await cloud.s3.send(new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy', CopySource: `${BUCKET}/source` }))
  const params = { Bucket: BUCKET, Key: 'video', Body: Buffer.alloc(6 * 1024 * 1024) }
  await new Upload({ client: cloud.s3, params }).done()
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'source' }))
  const records = await drain(cloud, 3)
  assert.equal(
    records.map(({ eventName, s3 }) => [eventName, s3.object.key, s3.object.size]),
    [
      ['ObjectCreated:Put', 'source', 1],
      ['ObjectCreated:Copy', 'copy', 1],
      ['ObjectCreated:CompleteMultipartUpload', 'video', params.Body.length],
    ],
  )
  assert.match(records[2]?.s3.object.eTag ?? '', /^[0-9a-f]{32}-2$/)
})

test('concurrent writes of one key each send their own ETag, with sequencers in the order of the writes', async () => {
  await using cloud = await startCloud()
  const etags = await Promise.all(Array.from({ length: 40 }, (_, n) => cloud.put('doc', `write ${n}`.padEnd(n + 10))))
  const objects = (await drain(cloud, 40)).map(({ s3 }) => s3.object)
  assert.equal(objects.map(({ eTag }) => eTag).toSorted(), etags.toSorted())
  const sequencers = objects.map(({ sequencer }) => sequencer)
  assert.is(new Set(sequencers).size, 40)
  const last = objects.toSorted((a, b) => (a.sequencer < b.sequencer ? -1 : 1)).at(-1)
  const { length } = await cloud.get('doc')
  assert.equal([last?.size, last?.eTag], [length, await currentEtag(cloud)])
})

test('a failed notification is logged and retried in order, and none is lost', async () => {
  const waiting = Array.from({ length: 250 }, (_, n) => ({ sequence: n + 1, body: `notification ${n + 1}` }))
  const expected = waiting.map(({ body }) => body)
  const sent: string[] = []
  const errors: unknown[] = []
  let failures = 3
  const bridge = createBridge({
    outbox: {
      notifications: (limit) => waiting.slice(0, limit),
      dropNotification: (sequence) => void waiting.splice(0, waiting[0]?.sequence === sequence ? 1 : 0),
    },
    send(body) {
      if (sent.length === 120 && failures-- > 0) throw new Error('the queue is unavailable')
      sent.push(body)
    },
    log: { error: (fields: object) => errors.push(fields) } as unknown as Log,
    retrySeconds: 0.01,
  })
  bridge.flush()
  await until('all are sent', () => waiting.length === 0)
  bridge.close()
  assert.equal(sent, expected)
  assert.is(errors.length, 3)
})

async function drain(cloud: Cloud, count: number): Promise<EventRecord[]> {
  const bodies = await drainBodies(cloud, count)
  return bodies.flatMap((body) => (JSON.parse(body) as { Records: EventRecord[] }).Records)
}

/** Receives and deletes `count` messages of the work queue, and asserts that there are no more. */
async function drainBodies({ sqs, local, messages }: Cloud, count: number): Promise<string[]> {
  const QueueUrl = local.queueUrls.work
  const bodies: string[] = []
  while (bodies.length < count) {
    const receive = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 })
    const { Messages = [] } = await sqs.send(receive)
    assert.ok(Messages.length > 0, `received only ${bodies.length} of ${count} messages`)
    for (const { Body = '', ReceiptHandle } of Messages) {
      bodies.push(Body)
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    }
  }
  assert.equal(await messages(QueueUrl), { visible: 0, hidden: 0, delayed: 0 })
  return bodies
}

async function currentEtag(cloud: Cloud): Promise<string> {
  const { createHash } = await import('node:crypto')
  return createHash('md5')
    .update(await cloud.get('doc'))
    .digest('hex')
}

function pick(from: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)))
}
