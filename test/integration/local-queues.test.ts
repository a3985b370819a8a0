import { connect } from 'node:net'
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import * as assert from 'uvu/assert'
import { startCloud, type Cloud } from '../helpers/cloud.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('embedded SQS')

test('delivers a delayed message after its delay', async () => {
  await using cloud = await startCloud()
  await send(cloud, 'much later', 900)
  assert.equal(await count(cloud), { visible: 0, hidden: 0, delayed: 1 })
  assert.is(await receive(cloud, { WaitTimeSeconds: 0 }), undefined)
  await send(cloud, 'later', 1)
  const later = await receive(cloud, { WaitTimeSeconds: 20 })
  assert.is(later?.Body, 'later')
  const { SentTimestamp, ApproximateFirstReceiveTimestamp } = later?.Attributes ?? {}
  assert.ok(Number(ApproximateFirstReceiveTimestamp) - Number(SentTimestamp) >= 1000, 'received too early')
})

test('a received message is hidden, becomes visible again, and is removed by a delete', async () => {
  await using cloud = await startCloud()
  await send(cloud, 'work')
  const first = await receive(cloud, { VisibilityTimeout: 900 })
  assert.is(first?.Body, 'work')
  assert.equal(await count(cloud), { visible: 0, hidden: 1, delayed: 0 })
  await setVisibility(cloud, first?.ReceiptHandle, 1)
  await until('it is visible again', async () => (await count(cloud)).visible === 1)
  const again = await receive(cloud, { VisibilityTimeout: 900 })
  assert.is(again?.Attributes?.ApproximateReceiveCount, '2')
  await cloud.sqs.send(new DeleteMessageCommand({ QueueUrl: queue(cloud), ReceiptHandle: again?.ReceiptHandle }))
  assert.equal(await count(cloud), { visible: 0, hidden: 0, delayed: 0 })
})

test('a message with visibility timeout 0 is available immediately', async () => {
  await using cloud = await startCloud()
  await send(cloud, 'back')
  const { ReceiptHandle } = (await receive(cloud, { VisibilityTimeout: 900 })) ?? {}
  await setVisibility(cloud, ReceiptHandle, 600)
  assert.equal(await count(cloud), { visible: 0, hidden: 1, delayed: 0 })
  await setVisibility(cloud, ReceiptHandle, 0)
  assert.equal(await count(cloud), { visible: 1, hidden: 0, delayed: 0 })
  assert.is((await receive(cloud))?.Body, 'back')
})

test('a message ends one of several long polls, and the others continue', async () => {
  await using cloud = await startCloud()
  const ended: (string | undefined)[] = []
  const polls = Array.from({ length: 3 }, async () => {
    ended.push((await receive(cloud, { WaitTimeSeconds: 20 }))?.Body)
  })
  for (const text of ['one', 'two', 'three']) {
    const before = ended.length
    await send(cloud, text)
    await until('a poll ends', () => ended.length > before)
  }
  await Promise.all(polls)
  assert.equal(ended, ['one', 'two', 'three'])
})

test('a long poll of a disconnected client receives no message', async () => {
  await using cloud = await startCloud()
  const disconnect = new AbortController()
  const poll = cloud.sqs.send(new ReceiveMessageCommand({ QueueUrl: queue(cloud), WaitTimeSeconds: 20 }), {
    abortSignal: disconnect.signal,
  })
  const outcome = poll.then(
    () => 'received',
    (error: Error) => error.name,
  )
  // The response to a second poll shows that the first has arrived.
  await receive(cloud, { WaitTimeSeconds: 1 })
  disconnect.abort()
  assert.is(await outcome, 'AbortError')
  await receive(cloud, { WaitTimeSeconds: 1 })
  await send(cloud, 'for the next poll')
  assert.equal(await count(cloud), { visible: 1, hidden: 0, delayed: 0 })
  assert.is((await receive(cloud))?.Body, 'for the next poll')
})

test('finds a queue by its name, and returns an error for an unknown one', async () => {
  await using cloud = await startCloud()
  const { QueueUrl } = await cloud.sqs.send(new GetQueueUrlCommand({ QueueName: 'mediad-work' }))
  assert.is(QueueUrl, queue(cloud))
  for (const WaitTimeSeconds of [0, 5, 99]) {
    const command = new ReceiveMessageCommand({ QueueUrl: `${queue(cloud)}-not`, WaitTimeSeconds })
    const name = await cloud.sqs.send(command).then(
      () => 'received',
      (error: Error) => error.name,
    )
    assert.is(name, 'QueueDoesNotExist')
  }
})

test('serves only SQS, on the loopback address only', async () => {
  await using cloud = await startCloud()
  const { sqsEndpoint, s3Endpoint } = cloud.local
  assert.is((await fetch(`${sqsEndpoint}/some-bucket/key`, { method: 'PUT', body: 'x' })).status, 404)
  assert.is((await fetch(`${sqsEndpoint}/_fauxqs/queues`)).status, 404)
  for (const endpoint of [sqsEndpoint, s3Endpoint]) {
    const port = Number(new URL(endpoint).port)
    assert.is(await tryConnect('127.0.0.1', port), 'connected')
    assert.is(await tryConnect('127.0.0.2', port), 'ECONNREFUSED', 'the server listens on every interface')
  }
})

function queue(cloud: Cloud): string {
  return cloud.local.queueUrls.work
}

function count(cloud: Cloud) {
  return cloud.messages(queue(cloud))
}

async function send(cloud: Cloud, MessageBody: string, DelaySeconds = 0): Promise<void> {
  await cloud.sqs.send(new SendMessageCommand({ QueueUrl: queue(cloud), MessageBody, DelaySeconds }))
}

async function setVisibility(
  cloud: Cloud,
  ReceiptHandle: string | undefined,
  VisibilityTimeout: number,
): Promise<void> {
  const change = { QueueUrl: queue(cloud), ReceiptHandle, VisibilityTimeout }
  await cloud.sqs.send(new ChangeMessageVisibilityCommand(change))
}

async function receive(cloud: Cloud, options: { WaitTimeSeconds?: number; VisibilityTimeout?: number } = {}) {
  const { Messages } = await cloud.sqs.send(
    new ReceiveMessageCommand({ QueueUrl: queue(cloud), MessageSystemAttributeNames: ['All'], ...options }),
  )
  return Messages?.[0]
}

function tryConnect(host: string, port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect({ host, port }, () => {
    socket.destroy()
    resolve('connected')
  })
  socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
  return promise
}
