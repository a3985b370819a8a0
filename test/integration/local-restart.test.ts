import { createHash, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import {
  ChangeMessageVisibilityCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { openDatabase } from '../../daemon/local/objects/database.ts'
import { startLocal } from '../../daemon/local/local.ts'
import { BUCKET, openClients, startCloud } from '../helpers/cloud.ts'
import { startCloudProcess } from '../helpers/cloud-process.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('local mode: restarts and ports')

test('objects, ETags and metadata survive a restart', async () => {
  await using folder = await temporaryFolder()
  let etag: string
  {
    await using cloud = await startCloud({ dataDirectory: folder.path })
    etag = await cloud.put('안녕 doc', 'version 1')
    const at = { Bucket: BUCKET, Key: 'video', Body: 'x', ContentType: 'video/mp4', Metadata: { claim: '3' } }
    await cloud.s3.send(new PutObjectCommand(at))
  }
  await using cloud = await startCloud({ dataDirectory: folder.path })
  assert.equal(await cloud.list(), ['video', '안녕 doc'])
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'video' }))
  assert.equal([head.ContentType, head.Metadata], ['video/mp4', { claim: '3' }])
  const at = { Bucket: BUCKET, Key: '안녕 doc', Body: 'version 2', IfMatch: `"${etag}"` }
  await cloud.s3.send(new PutObjectCommand(at))
  assert.is((await cloud.get('안녕 doc')).toString(), 'version 2')
})

test('messages survive a restart in their state: visible, hidden, delayed, made visible again', async () => {
  await using folder = await temporaryFolder()
  {
    await using cloud = await startCloud({ dataDirectory: folder.path })
    const { work, inProgress } = cloud.local.queueUrls
    await cloud.sqs.send(new SendMessageCommand({ QueueUrl: work, MessageBody: 'visible' }))
    await cloud.sqs.send(new SendMessageCommand({ QueueUrl: work, MessageBody: 'delayed', DelaySeconds: 900 }))
    await cloud.sqs.send(new SendMessageCommand({ QueueUrl: inProgress, MessageBody: 'hidden' }))
    const hide = new ReceiveMessageCommand({ QueueUrl: inProgress, VisibilityTimeout: 900 })
    assert.is((await cloud.sqs.send(hide)).Messages?.length, 1)
    await cloud.sqs.send(new SendMessageCommand({ QueueUrl: inProgress, MessageBody: 'back' }))
    const [back] = (await cloud.sqs.send(hide)).Messages ?? []
    const { ReceiptHandle } = back ?? {}
    const show = { QueueUrl: inProgress, ReceiptHandle, VisibilityTimeout: 0 }
    await cloud.sqs.send(new ChangeMessageVisibilityCommand(show))
  }
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const { work, inProgress, dead } = cloud.local.queueUrls
  assert.equal(await cloud.messages(work), { visible: 1, hidden: 0, delayed: 1 })
  assert.equal(await cloud.messages(inProgress), { visible: 1, hidden: 1, delayed: 0 })
  assert.equal(await cloud.messages(dead), { visible: 0, hidden: 0, delayed: 0 })
  const { QueueUrl } = await cloud.sqs.send(new GetQueueUrlCommand({ QueueName: 'mediad-work' }))
  assert.is(QueueUrl, work, 'the URL has the port of this run')
  assert.is(new URL(work).origin, cloud.local.sqsEndpoint)
  const { Messages } = await cloud.sqs.send(new ReceiveMessageCommand({ QueueUrl: inProgress }))
  assert.is(Messages?.[0]?.Body, 'back')
})

test('sequencers keep increasing after restarts', async () => {
  await using folder = await temporaryFolder()
  const sequencers: string[] = []
  for (let run = 0; run < 3; run++) {
    await using cloud = await startCloud({ dataDirectory: folder.path })
    for (let n = 0; n < 3; n++) await cloud.put('doc', `run ${run}, write ${n}`)
    const { Messages = [] } = await cloud.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: cloud.local.queueUrls.work,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 900,
      }),
    )
    assert.is(Messages.length, 3)
    sequencers.push(...Messages.map(({ Body = '' }) => JSON.parse(Body).Records[0].s3.object.sequencer as string))
  }
  assert.equal(sequencers, sequencers.toSorted())
  assert.is(new Set(sequencers).size, 9)
})

test('sequences increase within one millisecond, and after a restart with the clock set back', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'index.db')
  const take = (count: number) => {
    const database = openDatabase(file)
    const taken = Array.from({ length: count }, () => database.transaction(database.nextSequence))
    database.close()
    return taken
  }
  const { now } = Date
  const start = now()
  try {
    Date.now = () => start
    const first = take(2000)
    Date.now = () => start - 3_600_000
    const sequences = [...first, ...take(10)]
    assert.equal(
      sequences,
      sequences.toSorted((a, b) => a - b),
    )
    assert.is(new Set(sequences).size, 2010)
  } finally {
    Date.now = now
  }
})

test.exhaustive(
  'kill -9 during writes: confirmed objects are complete and were announced, and no other file remains',
  async () => {
    await using folder = await temporaryFolder()
    const child = await startCloudProcess(folder.path)
    const confirmed = new Map<string, string>()
    const clients = openClients(child)
    const writes = Array.from({ length: 200 }, async (_, n) => {
      const key = `doc ${n % 40}/${n}`
      const etag = await clients.put(key, Buffer.alloc(50_000 + n, `content ${n} `))
      confirmed.set(key, etag)
      if (confirmed.size === 60) child.kill()
    })
    await Promise.allSettled(writes)
    clients.close()
    await child.ended
    assert.ok(confirmed.size >= 60)

    await using cloud = await startCloud({ dataDirectory: folder.path })
    const keys = await cloud.list()
    for (const key of keys) {
      const md5 = createHash('md5')
        .update(await cloud.get(key))
        .digest('hex')
      const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }))
      assert.is(head.ETag, `"${md5}"`)
      if (confirmed.has(key)) assert.is(md5, confirmed.get(key))
    }
    assert.equal(
      [...confirmed.keys()].filter((key) => !keys.includes(key)),
      [],
    )
    assert.ok((await cloud.messages(cloud.local.queueUrls.work)).visible >= keys.length)
    assert.is((await readdir(join(folder.path, 'objects'))).length, keys.length)
  },
)

test('uses the given ports, and says what to do when one is in use', async () => {
  await using folder = await temporaryFolder()
  const busy = await listenOnUnusedPort()
  const { port } = busy.address() as AddressInfo
  try {
    const s3 = await failure({ dataDirectory: folder.path, s3Port: port })
    assert.is(s3.code, 'config.storage')
    assert.match(s3.message, new RegExp(`port ${port} of 127.0.0.1.*--s3-port`))
    const sqs = await failure({ dataDirectory: folder.path, sqsPort: port })
    assert.is(sqs.code, 'config.queue')
    assert.match(sqs.message, new RegExp(`port ${port} of 127.0.0.1.*--sqs-port`))
  } finally {
    busy.close()
    await once(busy, 'close')
  }
  const local = await startLocal({ dataDirectory: folder.path, s3Port: port })
  assert.is(local.s3Endpoint, `http://127.0.0.1:${port}`)
  assert.is(local.env.AWS_ENDPOINT_URL_S3, local.s3Endpoint)
  await local.close()
  const again = await startLocal({ dataDirectory: folder.path, sqsPort: port })
  assert.is(again.sqsEndpoint, `http://127.0.0.1:${port}`)
  assert.is(again.env.MEDIAD_WORK_QUEUE_URL, `http://127.0.0.1:${port}/000000000000/mediad-work`)
  await again.close()
})

test('refuses a data directory in use by this or another process, which continues', async () => {
  await using folder = await temporaryFolder()
  {
    await using cloud = await startCloud({ dataDirectory: folder.path })
    assert.match((await failure({ dataDirectory: folder.path })).message, /another mediad uses/)
    await cloud.put('doc', 'x')
  }
  const child = await startCloudProcess(folder.path)
  try {
    const { code, message } = await failure({ dataDirectory: folder.path })
    assert.is(code, 'config.storage')
    assert.match(message, /another mediad uses .*data directory/)
    const clients = openClients(child)
    assert.equal(await clients.list(), ['doc'])
    clients.close()
  } finally {
    child.kill()
    await child.ended
  }
})

test('creates a bucket once, keeps it, and accepts only valid names', async () => {
  await using cloud = await startCloud()
  await cloud.put('doc', 'x')
  await cloud.local.createBucket(BUCKET)
  assert.equal(await cloud.list(), ['doc'])
  for (const name of ['Media', 'a', '../media', 'media/', '']) {
    try {
      await cloud.local.createBucket(name)
      assert.unreachable(name)
    } catch (error) {
      assert.is((error as MediadError).code, 'config.storage', name)
    }
  }
})

async function failure(options: Parameters<typeof startLocal>[0]): Promise<MediadError> {
  try {
    const local = await startLocal(options)
    await local.close()
  } catch (error) {
    if (error instanceof MediadError) return error
    throw error
  }
  throw new Error('the embedded S3 and SQS started')
}

/** Listens on a free port below 32768. Other tests get theirs above, so that none takes this one when it is free again. */
async function listenOnUnusedPort(): Promise<Server> {
  for (let tries = 0; tries < 100; tries++) {
    const server = createServer().listen(randomInt(20_000, 32_000), '127.0.0.1')
    const listening = await once(server, 'listening').catch(() => null) // the port is in use
    if (listening) return server
  }
  throw new Error('no free port was found')
}
