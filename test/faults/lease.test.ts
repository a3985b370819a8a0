import * as assert from 'uvu/assert'
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode } from '../helpers/fleet.ts'
import { waitForProcess, isAlive } from '../helpers/liveness.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { isHeartbeat, type Call } from './calls.ts'
import { gateCode, slowCopyCode } from '../helpers/gate.ts'
import type { FaultProxy } from './proxy.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import {
  assertLoggedOnce,
  assertCount,
  type Bench,
  countFailedSettlements,
  toDocumentPath,
  shortLease,
  getJobId,
  type Member,
  toJobConfig,
} from './setup.ts'

const row = runInParallel(suite('lease faults', { timeoutSeconds: ROW_SECONDS }))
const rest = row.exhaustive

const gated = { code: gateCode + noteCode, chain: '[gate(), note(), upload()]' }
const slow = { code: slowCopyCode, chain: '[slowCopy(), upload()]' }
const isNextClaim = ({ name, fields }: Call) => name === 'PUT document' && fields.claim === 2
const isDeadDocument = ({ name, fields }: Call) => name === 'PUT document' && fields.state === 'dead'

/** Waits until the first daemon runs ffmpeg, and returns the process id. Opens the gate, so that later attempts are short. */
async function waitForFfmpeg(bench: Bench): Promise<number> {
  const ffmpeg = await waitForProcess('/ffmpeg', bench.first.daemon.folder)
  await bench.openGate()
  return ffmpeg
}

const getCalls = (bench: Bench): Call[] => bench.members.flatMap(({ proxy }) => proxy.calls)

/** Returns the S3 writes of a daemon after its first `count` calls. */
function findWritesAfter({ proxy }: Member, count: number): string[] {
  const writes = proxy.calls
    .slice(count)
    .filter(({ service, op }) => service === 's3' && /^(?:PUT|UploadPart|C)/.test(op))
  return writes.map(({ name }) => name)
}

rest('a healthy job ten times longer than its lease, swept by three daemons, is started once', async () => {
  await using bench = await startBench({ ...gated, daemons: 3, more: shortLease })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('the job is claimed', () => getCalls(bench).some(({ name }) => name === 'PUT document'))
  const startedAt = performance.now()
  await until('ten leases have passed', () => performance.now() - startedAt > 60_000, 100)
  const countChecks = () => getCalls(bench).filter(({ name }) => name === 'GET document').length
  await until('its in-progress message was swept many times', () => countChecks() > 30)
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  // it is started again only after its owner lost the lease
  assertCount(bench, bench.countEvents('job.started'), { expected: 1 })
})

rest(
  'Q3: a message becomes visible again while its owner can neither delete it nor send heartbeats: published once',
  async () => {
    await using bench = await startBench({
      code: noteCode,
      daemons: 0,
      chain: '[note({ pause: 5 }), upload()]', // longer than an owner holds its lease without heartbeats
      more: shortLease,
    })
    const deny = { do: 'respond', status: 500, code: 'InternalFailure' } as const
    function prepare(proxy: FaultProxy): void {
      proxy.rewrite(({ name }) => (name === 'ReceiveMessage work' ? { VisibilityTimeout: 1 } : {}))
      proxy.fault({ ...deny, on: ({ name }) => name === 'DeleteMessage work', times: 6 })
      proxy.fault({ ...deny, on: (call) => isHeartbeat(call) && call.fields.claim === 1 })
    }
    await Promise.all([bench.start(prepare), bench.start(prepare)])
    await bench.upload('origin_a.mp4', await tinyVideo())
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    await assertLoggedOnce(bench, 'job.succeeded')
    assert.ok(((await bench.document('origin_a.mp4'))?.claim ?? 0) >= 2)
  },
)

rest('S5: heartbeats without a response, forwarded or not: the next one uses a new socket', async () => {
  // each heartbeat times out after five seconds, and the owner stops after more than sixteen seconds without a response
  await using bench = await startBench({ ...gated, more: toJobConfig({ leaseSeconds: 20 }) })
  const { proxy } = bench.first
  let beats = 0
  proxy.watch((call) => void (beats += isHeartbeat(call) ? 1 : 0))
  const unsent = proxy.fault({ on: (call) => isHeartbeat(call) && beats === 2, times: 1, do: 'stall' })
  const unanswered = proxy.fault({ on: (call) => isHeartbeat(call) && beats === 4, times: 1, do: 'stallReply' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('both heartbeats were followed by another one', () => beats >= 5)
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.equal([unsent.hits, unanswered.hits], [1, 1])
  const { attempt, claim } = (await bench.document('origin_a.mp4')) ?? {}
  assertCount(bench, attempt, { expected: 1 })
  assertCount(bench, claim, { expected: 1 })
})

rest('heartbeats that take two seconds: the job continues, and is done once', async () => {
  await using bench = await startBench({ ...gated, daemons: 2, more: toJobConfig({ leaseSeconds: 20, attempts: 9 }) })
  const slowed = bench.members.map(({ proxy }) => proxy.fault({ on: isHeartbeat, do: 'delay', seconds: 2 }))
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('some heartbeats were slow', () => slowed.some(({ hits }) => hits >= 3))
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assertCount(bench, bench.countEvents('job.started'), { expected: 1 })
})

rest(
  'S8: the document is deleted while ffmpeg runs: ffmpeg is stopped, nothing is published, the job starts again',
  async () => {
    await using bench = await startBench(slow)
    const { daemon, proxy } = bench.first
    await bench.upload('origin_a.mp4', await tinyVideo())
    const ffmpeg = await waitForFfmpeg(bench)
    await bench.cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: toDocumentPath('origin_a.mp4') }))
    await until('its ffmpeg has ended', () => !isAlive(ffmpeg))
    await daemon.waitFor('job.abandoned')
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    assert.is(proxy.calls.filter(({ name }) => name === 'PUT output').length, 1, 'only the second claim published')
  },
)

rest(
  'S8: the document is replaced by another owner: ffmpeg is stopped, and nothing is published before the next claim',
  async () => {
    await using bench = await startBench({ ...slow, more: toJobConfig({ leaseSeconds: 12, attempts: 9 }) })
    const { first } = bench
    await bench.upload('origin_a.mp4', await tinyVideo())
    const ffmpeg = await waitForFfmpeg(bench)
    const before = (await bench.document('origin_a.mp4')) as JobDocument
    const [claim, owner] = [before.claim + 1, 'another/1']
    const { id, source, attempt, timings } = before
    await bench.send('inProgress', JSON.stringify({ version: 1, id, source, claim, owner }))
    const error = { code: 'internal.crashed', message: 'assumed by the other owner', verdict: 'retry' } as const
    const past = { attempt, claim: before.claim, owner: before.owner, startedAt: timings.startedAt, endedAt: '', error }
    const history = [...before.history, past]
    const replaced = { ...before, claim, owner, attempt: attempt + 1, rev: before.rev + 10, nonce: 'other', history }
    await bench.cloud.put(toDocumentPath('origin_a.mp4'), JSON.stringify(replaced))
    await until('its ffmpeg has ended', () => !isAlive(ffmpeg))
    await first.daemon.waitFor('job.abandoned')
    // the other owner sends no heartbeats: its lease goes stale, and its in-progress message starts the job again
    const document = await bench.waitUntilFinished('origin_a.mp4')
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    assert.ok(
      document.history.some((past) => past.owner === owner && past.claim === claim),
      'the next claim continued the document of the other owner',
    )
    assert.is(document.state, 'succeeded')
    assertCount(bench, document.claim, { expected: claim + 1, intendedLosses: 1 })
    assertCount(bench, document.attempt, { expected: attempt + 2, intendedLosses: 1 })
    const { calls } = first.proxy
    const claimedAt = calls.findIndex(({ name, fields }) => name === 'PUT document' && fields.claim === claim + 1)
    assert.ok(
      calls.findIndex(({ name }) => name === 'PUT output') > claimedAt,
      'nothing was published before the next claim',
    )
    assert.is(getJobId('origin_a.mp4'), document.id)
  },
)

rest('S10: heartbeats fail for less than the lease: the job continues, and is done once', async () => {
  await using bench = await startBench({ ...gated, daemons: 2 })
  const failing = bench.members.map(({ proxy }) =>
    proxy.fault({ on: isHeartbeat, do: 'respond', status: 500, code: 'InternalError' }),
  )
  await bench.upload('origin_a.mp4', await tinyVideo())
  const findMemberWithMissedHeartbeat = () =>
    bench.members.find(({ daemon }) => daemon.entries.some(({ event }) => event === 'heartbeat.missed'))
  const { proxy } = await until('a heartbeat failed', findMemberWithMissedHeartbeat)
  const repairedAt = proxy.calls.length
  for (const one of failing) one.off()
  await until('a heartbeat succeeds', () => proxy.calls.slice(repairedAt).some(isHeartbeat))
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.claim, 1)
  assert.is(bench.countEvents('job.started'), 1)
})

row('S10: heartbeats fail for longer than the lease: the owner stops before another one can claim', async () => {
  await using bench = await startBench({ ...slow, more: toJobConfig({ leaseSeconds: 20, attempts: 9 }) })
  const { first } = bench
  const failing = first.proxy.fault({ on: isHeartbeat, do: 'respond', status: 503, code: 'SlowDown' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  const ffmpeg = await waitForFfmpeg(bench)
  const nextClaim = () => getCalls(bench).find(isNextClaim)
  const [endedAt, claim] = await Promise.all([
    until('its ffmpeg has ended', () => (isAlive(ffmpeg) ? null : performance.now())),
    until('another daemon claims the job', nextClaim, 100),
    first.daemon.waitFor('job.abandoned').then(failing.off),
    bench.start(),
  ])
  assert.ok(endedAt < claim.sentAtMs, `its ffmpeg ended ${endedAt - claim.sentAtMs} ms after the next claim`)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const lateHeartbeats = first.proxy.calls.filter(
    (call) => isHeartbeat(call) && call.fields.claim === 1 && call.sentAtMs > claim.sentAtMs,
  )
  assert.is(lateHeartbeats.length, 0, 'it sent heartbeats after the next claim')
  await assertLoggedOnce(bench, 'job.succeeded')
  assertCount(bench, (await bench.document('origin_a.mp4'))?.claim, { expected: 2, intendedLosses: 1 })
})

rest(
  'Q20: a lease lost between the dead-letter message and the document write: the message is repeated, the job dead once',
  async () => {
    await using bench = await startBench({ code: noteCode, chain: '[note(), upload()]', more: shortLease })
    const { proxy } = bench.first
    const on = (call: Call) => isDeadDocument(call) && countFailedSettlements(bench) === 0
    proxy.fault({ on, do: 'respond', status: 503, code: 'SlowDown' })
    await bench.upload('origin_a.mp4', 'not a video')
    await bench.waitUntilIdle()
    const more = countFailedSettlements(bench)
    assert.ok(more >= 1, 'a dead document could not be written')
    assert.is(proxy.calls.filter(({ name }) => name === 'SendMessage dead').length, 1 + more)
    await bench.checkInvariants({ dead: ['origin_a.mp4'], moreDead: more })
  },
)

rest('an owner without a connection to S3 stops, and another one does the job', async () => {
  await using bench = await startBench({ ...slow, more: shortLease })
  const { first } = bench
  await bench.upload('origin_a.mp4', await tinyVideo())
  const ffmpeg = await waitForFfmpeg(bench)
  const cut = first.proxy.cut(({ service }) => service === 's3')
  await bench.start()
  await first.daemon.waitFor('job.abandoned')
  await until('its ffmpeg has ended', () => !isAlive(ffmpeg))
  const document = await bench.waitUntilFinished('origin_a.mp4', 100)
  const calls = first.proxy.calls.length
  cut.off()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assertCount(bench, document.claim, { expected: 2, intendedLosses: 1 })
  assertCount(bench, document.attempt, { expected: 2, intendedLosses: 1 })
  assert.equal(findWritesAfter(first, calls), [])
})

rest('an owner without a connection to SQS finishes its job, and no other daemon starts it', async () => {
  await using bench = await startBench(gated)
  const { first } = bench
  await bench.upload('origin_a.mp4', await tinyVideo())
  await first.daemon.waitFor('job.started')
  const cut = first.proxy.cut(({ service }) => service === 'sqs')
  const { proxy } = await bench.start()
  const countChecks = () => proxy.calls.filter(({ name }) => name === 'GET document').length
  await until('the other daemon sweeps its in-progress message', () => countChecks() >= 3)
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.equal([bench.countEvents('job.started'), (await bench.document('origin_a.mp4'))?.claim], [1, 1])
  cut.off()
})
