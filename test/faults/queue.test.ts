import * as assert from 'uvu/assert'
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode } from '../helpers/fleet.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import type { Call } from './calls.ts'
import { gateCode } from '../helpers/gate.ts'
import type { FaultProxy } from './proxy.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import { assertLoggedOnce, assertCount, shortLease, getJobId, type Bench } from './setup.ts'

const row = runInParallel(suite('queue faults', { timeoutSeconds: ROW_SECONDS }))
const rest = row.exhaustive

const quick = { code: noteCode, chain: '[note(), upload()]' }
const gated = { code: gateCode + noteCode, chain: '[gate(), note(), upload()]' }
const failing = { do: 'respond', status: 500, code: 'InternalFailure' } as const
const named = (name: string) => (call: Call) => call.name === name

rest('Q2: a notification that arrives after the job is finished is a duplicate', async () => {
  await using bench = await startBench(quick)
  const video = await tinyVideo()
  const etag = await bench.upload('origin_a.mp4', video)
  await bench.waitUntilIdle()
  const document = await bench.document('origin_a.mp4')
  const source = { bucket: BUCKET, key: 'origin_a.mp4', etag, sizeBytes: video.length }
  for (let n = 0; n < 5; n++) await bench.send('work', toNotificationBody(source))
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.equal(await bench.document('origin_a.mp4'), document)
  assert.is(bench.countEvents('job.started'), 1)
})

rest('Q5: an in-progress message for a source that never existed ends in one dead job, not in a loop', async () => {
  await using bench = await startBench(quick)
  const source = { bucket: BUCKET, key: 'origin_gone.mp4', etag: 'a'.repeat(32), sizeBytes: 1000 }
  const message = { version: 1, id: getJobId(source.key), source, claim: 1, owner: 'somebody/12345678' }
  await bench.send('inProgress', JSON.stringify(message))
  const { error } = await bench.waitUntilFinished('origin_gone.mp4')
  assert.is(error?.code, 'input.source_gone')
  await bench.waitUntilIdle()
  assert.is(bench.countEvents('job.started'), 1)
  assert.is((await bench.takeDeadMessages()).length, 1)
})

row('Q6: an in-progress message of a finished job is dropped, and nothing runs again', async () => {
  await using bench = await startBench(quick)
  await bench.upload('origin_a.mp4', await tinyVideo())
  const { id, source, claim, owner, ...before } = await bench.waitUntilFinished('origin_a.mp4')
  await bench.waitUntilIdle()
  await bench.send('inProgress', JSON.stringify({ version: 1, id, source, claim, owner }))
  await bench.send('inProgress', JSON.stringify({ version: 1, id, source, claim, owner: 'a daemon that died/1' }))
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.rev, before.rev)
  assert.is(bench.countEvents('job.started'), 1)
})

rest(
  'Q8: invalid messages are dead-lettered with a reason at their first receive, and the poller continues',
  async () => {
    await using bench = await startBench(quick)
    for (const body of invalid) await bench.send('work', body)
    await bench.upload('origin_a.mp4', await tinyVideo())
    await bench.waitUntilIdle()
    const dead = await bench.takeDeadMessages()
    assert.equal(
      dead.map(({ reason }) => reason),
      invalid.map(() => 'message.invalid'),
    )
    assert.equal(
      dead.map(({ body }) => String(body).slice(0, 100)).toSorted(),
      invalid.map((body) => body.slice(0, 100)).toSorted(),
    )
    assert.is((await bench.document('origin_a.mp4'))?.state, 'succeeded')
    const countDeadLettered = () => bench.countEvents('message.dead_lettered', { level: 'error' })
    await until('each message is dead-lettered', () => countDeadLettered() >= invalid.length)
    assert.is(countDeadLettered(), invalid.length, 'each was received once')
  },
)

/** Invalid bodies. SQS itself rejects an empty body and NUL. */
const invalid = [
  'null',
  '[]',
  '{}',
  '"text"',
  'not JSON',
  '{"Records":[{"s3":null}]}',
  '{"__proto__":{"Records":[]}}',
  String.raw`{"Records":[{"s3":{"object":{"key":"\ud800"}}}]}`,
  `{"Records":"${'x'.repeat(200_000)}"}`,
]

rest(
  'Q11: messages for other events, buckets and keys are deleted; uploads of the daemon itself start no job',
  async () => {
    await using bench = await startBench(quick)
    const { daemon } = bench.first
    const source = { bucket: BUCKET, key: 'origin_x.mp4', etag: 'a'.repeat(32), sizeBytes: 1000 }
    const removal = toNotificationBody(source).replace('ObjectCreated:', 'ObjectRemoved:')
    const unwanted = [
      { ...source, bucket: 'other' },
      { ...source, key: 'note_x.txt' },
    ].map((one) => toNotificationBody(one))
    for (const body of [removal, ...unwanted, '{"Service":"Amazon S3","Event":"s3:TestEvent"}'])
      await bench.send('work', body)
    await bench.upload('origin_a.mp4', await tinyVideo())
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    assert.is(bench.countEvents('job.started'), 1)
    await until(
      'all messages, including the notification of its own upload, are ignored',
      () => bench.countEvents('message.ignored') >= 5,
    )
    assert.equal(
      daemon.entries.filter(({ level }) => level === 'error'),
      [],
    )
  },
)

rest('Q13: notifications of two versions in the wrong order: the newer version is processed', async () => {
  await using bench = await startBench({ ...quick, daemons: 0 })
  const older = await tinyVideo()
  const newer = Buffer.concat([older, Buffer.from([0, 0, 0, 8, 0x66, 0x72, 0x65, 0x65])]) // an empty box: another etag
  await bench.upload('origin_a.mp4', older)
  const etag = await bench.upload('origin_a.mp4', newer)
  const [first = '', second = ''] = await takeBodies(bench, 2)
  await bench.send('work', second)
  await bench.start()
  await bench.waitUntilFinished('origin_a.mp4')
  await bench.send('work', first)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const document = await bench.document('origin_a.mp4')
  assert.is(document?.source.etag, etag)
  assert.is(document?.claim, 1, 'the older version is not claimed')
  assert.match((await bench.cloud.get('note_a.txt')).toString(), new RegExp(`^${etag} `))
})

/** Receives and deletes this many messages of the work queue, and returns their bodies. */
async function takeBodies({ cloud }: Bench, count: number): Promise<string[]> {
  const QueueUrl = cloud.local.queueUrls.work
  const bodies: string[] = []
  while (bodies.length < count) {
    const { Messages = [] } = await cloud.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 1 }))
    for (const { Body = '', ReceiptHandle } of Messages) {
      bodies.push(Body)
      await cloud.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    }
  }
  return bodies
}

/** Shortens the visibility timeout of received messages from half a minute to five seconds. */
const shortenVisibility = (proxy: FaultProxy) =>
  proxy.rewrite(({ op }) => (op === 'ReceiveMessage' ? { VisibilityTimeout: 5 } : {}))

rest('Q15: DeleteMessage fails for the work message and the in-progress message: the job is done once', async () => {
  await using bench = await startBench({ ...quick, daemons: 0 })
  const { proxy } = await bench.start(shortenVisibility)
  const work = proxy.fault({ ...failing, on: named('DeleteMessage work'), times: 5 })
  const inProgress = proxy.fault({ on: named('DeleteMessage in-progress'), times: 5, do: 'dropReply' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is(bench.countEvents('job.started'), 1)
  assert.equal([work.hits, inProgress.hits >= 1], [5, true])
})

rest(
  'Q16: the in-progress message cannot be sent: nothing is claimed, and the work message becomes visible again',
  async () => {
    await using bench = await startBench(quick)
    const { proxy } = bench.first
    let claims = 0
    const failed = proxy.fault({
      ...failing,
      on: named('SendMessage in-progress'),
      times: 6,
      act: () => void (claims += proxy.calls.filter(named('PUT document')).length),
    })
    await bench.upload('origin_a.mp4', await tinyVideo())
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    assert.equal([failed.hits, claims], [6, 0], 'nothing is claimed without an in-progress message')
    assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  },
)

rest('Q16: every reply to SendMessage and DeleteMessage is lost: duplicate messages, and one result', async () => {
  // a duplicate work message waits for the lease to end
  await using bench = await startBench({ ...quick, daemons: 0, more: shortLease })
  const { proxy } = await bench.start(shortenVisibility)
  const lost = proxy.fault({
    on: ({ op }) => op === 'SendMessage' || op === 'DeleteMessage',
    times: 20,
    do: 'dropReply',
  })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.ok(lost.hits >= 5)
  await assertLoggedOnce(bench, 'job.succeeded')
  assertCount(bench, (await bench.document('origin_a.mp4'))?.attempt, { expected: 1 })
})

rest('Q18: no visibility timeout can be extended: the job continues under its lease', async () => {
  await using bench = await startBench({ ...gated, daemons: 0 })
  const { proxy } = await bench.start(shortenVisibility)
  const rejected = proxy.fault({
    on: ({ op }) => op === 'ChangeMessageVisibility',
    do: 'respond',
    status: 400,
    code: 'InvalidParameterValue',
  })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('two visibility changes were rejected', () => rejected.hits >= 2)
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is(bench.countEvents('job.started'), 1)
})

rest('Q19: OverLimit leads to pauses, not to a busy loop', async () => {
  await using bench = await startBench(quick)
  const { proxy } = bench.first
  const limit = proxy.fault({ on: named('ReceiveMessage work'), do: 'respond', status: 403, code: 'OverLimit' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('a request was rejected', () => limit.hits > 0)
  const startedAt = performance.now()
  const countSeconds = () => (performance.now() - startedAt) / 1000
  await until('some seconds have passed', () => countSeconds() > 6)
  // the SDK sends each request up to three times
  assert.ok(limit.hits <= 3 * countSeconds(), `${limit.hits} requests in ${countSeconds()} s`)
  limit.off()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
})
