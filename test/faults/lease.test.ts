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
const isBurial = ({ name, fields }: Call) => name === 'PUT document' && fields.state === 'dead'

/** Waits until the first daemon has the job in ffmpeg, where it stays; attempts that begin later are short. Gives that ffmpeg. */
async function inFfmpeg(bench: Bench): Promise<number> {
  const ffmpeg = await waitForProcess('/ffmpeg', bench.first.daemon.folder)
  await bench.openGate()
  return ffmpeg
}

const callsOf = (bench: Bench): Call[] => bench.members.flatMap(({ proxy }) => proxy.calls)

/** What a daemon wrote under output keys or into the document since `count` calls. */
function writesSince({ proxy }: Member, count: number): string[] {
  const writes = proxy.calls
    .slice(count)
    .filter(({ service, op }) => service === 's3' && /^(?:PUT|UploadPart|C)/.test(op))
  return writes.map(({ name }) => name)
}

rest(
  'a healthy job ten times longer than its lease, swept by three daemons all the while, is started once',
  async () => {
    await using bench = await startBench({ ...gated, daemons: 3, more: shortLease })
    await bench.upload('origin_a.mp4', await tinyVideo())
    await until('it was claimed', () => callsOf(bench).some(({ name }) => name === 'PUT document'))
    const startedAt = performance.now()
    await until('ten leases have passed', () => performance.now() - startedAt > 60_000, 100)
    const countLooks = () => callsOf(bench).filter(({ name }) => name === 'GET document').length
    await until('its record was looked at many times', () => countLooks() > 30)
    await bench.openGate()
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    // nobody started it but after an owner who stopped
    assertCount(bench, bench.countEvents('job.started'), { wanted: 1 })
  },
)

row('Q3: a message that comes back while its owner is mute and may not delete it: published once', async () => {
  await using bench = await startBench({
    code: noteCode,
    daemons: 0,
    chain: '[note({ pause: 5 }), upload()]', // longer than an owner holds who is mute
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
})

row('S5: heartbeats that are never answered, sent or not: the next one goes over a new socket', async () => {
  // each is given up after five seconds, and the lease ends after more than sixteen without a word
  await using bench = await startBench({ ...gated, more: toJobConfig({ leaseSeconds: 20 }) })
  const { proxy } = bench.first
  let beats = 0
  proxy.watch((call) => void (beats += isHeartbeat(call) ? 1 : 0))
  const unsent = proxy.fault({ on: (call) => isHeartbeat(call) && beats === 2, times: 1, do: 'stall' })
  const unanswered = proxy.fault({ on: (call) => isHeartbeat(call) && beats === 4, times: 1, do: 'stallReply' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('both were followed by another one', () => beats >= 5)
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.equal([unsent.hits, unanswered.hits], [1, 1])
  const { attempt, claim } = (await bench.document('origin_a.mp4')) ?? {}
  assertCount(bench, attempt, { wanted: 1 })
  assertCount(bench, claim, { wanted: 1 })
})

rest('slow heartbeats, each two seconds on its way: the job goes on, and is done once', async () => {
  await using bench = await startBench({ ...gated, daemons: 2, more: toJobConfig({ leaseSeconds: 20, attempts: 9 }) })
  const slowed = bench.members.map(({ proxy }) => proxy.fault({ on: isHeartbeat, do: 'delay', seconds: 2 }))
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('there were some', () => slowed.some(({ hits }) => hits >= 3))
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assertCount(bench, bench.countEvents('job.started'), { wanted: 1 })
})

rest(
  'S8: the document deleted while ffmpeg works: ffmpeg ends, nothing is published, the job begins anew',
  async () => {
    await using bench = await startBench(slow)
    const { daemon, proxy } = bench.first
    await bench.upload('origin_a.mp4', await tinyVideo())
    const ffmpeg = await inFfmpeg(bench)
    await bench.cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: toDocumentPath('origin_a.mp4') }))
    await until('its ffmpeg is gone', () => !isAlive(ffmpeg))
    await daemon.waitFor('job.abandoned')
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    assert.is(proxy.calls.filter(({ name }) => name === 'PUT output').length, 1, 'published by the second claim alone')
  },
)

row('S8: the document replaced by another owner: ffmpeg ends, nothing is published over him', async () => {
  await using bench = await startBench({ ...slow, more: toJobConfig({ leaseSeconds: 12, attempts: 9 }) })
  const { first } = bench
  await bench.upload('origin_a.mp4', await tinyVideo())
  const ffmpeg = await inFfmpeg(bench)
  const mine = (await bench.document('origin_a.mp4')) as JobDocument
  const [claim, owner] = [mine.claim + 1, 'another/1']
  const { id, source, attempt, timings } = mine
  await bench.send('inProgress', JSON.stringify({ version: 1, id, source, claim, owner }))
  const error = { code: 'internal.crashed', message: 'so it seemed to him', verdict: 'retry' } as const
  const past = { attempt, claim: mine.claim, owner: mine.owner, startedAt: timings.startedAt, endedAt: '', error }
  const history = [...mine.history, past]
  const his = { ...mine, claim, owner, attempt: attempt + 1, rev: mine.rev + 10, nonce: 'his', history }
  await bench.cloud.put(toDocumentPath('origin_a.mp4'), JSON.stringify(his))
  await until('its ffmpeg is gone', () => !isAlive(ffmpeg))
  await first.daemon.waitFor('job.abandoned')
  // he dies, too: his lease goes stale, and his record brings the job back
  const document = await bench.waitUntilFinished('origin_a.mp4')
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.ok(
    document.history.some((past) => past.owner === owner && past.claim === claim),
    'the next claim was written over his, as he had left it',
  )
  assert.is(document.state, 'succeeded')
  assertCount(bench, document.claim, { wanted: claim + 1, taken: 1 })
  assertCount(bench, document.attempt, { wanted: attempt + 2, taken: 1 })
  const { calls } = first.proxy
  const claimedAt = calls.findIndex(({ name, fields }) => name === 'PUT document' && fields.claim === claim + 1)
  assert.ok(calls.findIndex(({ name }) => name === 'PUT output') > claimedAt, 'nothing was published before that')
  assert.is(getJobId('origin_a.mp4'), document.id)
})

rest('S10: heartbeats fail for less than the lease: the job goes on, and is done once', async () => {
  await using bench = await startBench({ ...gated, daemons: 2 })
  const failing = bench.members.map(({ proxy }) =>
    proxy.fault({ on: isHeartbeat, do: 'respond', status: 500, code: 'InternalError' }),
  )
  await bench.upload('origin_a.mp4', await tinyVideo())
  const findMute = () =>
    bench.members.find(({ daemon }) => daemon.entries.some(({ event }) => event === 'heartbeat.missed'))
  const { proxy } = await until('a heartbeat was given up', findMute)
  const mendedAt = proxy.calls.length
  for (const one of failing) one.off()
  await until('another one gets through', () => proxy.calls.slice(mendedAt).some(isHeartbeat))
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.claim, 1)
  assert.is(bench.countEvents('job.started'), 1)
})

row('S10: heartbeats fail for longer than the lease: the owner stops before another one may claim', async () => {
  await using bench = await startBench({ ...slow, more: toJobConfig({ leaseSeconds: 20, attempts: 9 }) })
  const { first } = bench
  const failing = first.proxy.fault({ on: isHeartbeat, do: 'respond', status: 503, code: 'SlowDown' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  const ffmpeg = await inFfmpeg(bench)
  const nextClaim = () => callsOf(bench).find(isNextClaim)
  const [endedAt, claim] = await Promise.all([
    until('its ffmpeg is gone', () => (isAlive(ffmpeg) ? null : performance.now())),
    until('somebody claims', nextClaim, 100),
    first.daemon.waitFor('job.abandoned').then(failing.off),
    bench.start(),
  ])
  assert.ok(endedAt < claim.sentAtMs, `its ffmpeg ended ${endedAt - claim.sentAtMs} ms after the next claim`)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const late = first.proxy.calls.filter(
    (call) => isHeartbeat(call) && call.fields.claim === 1 && call.sentAtMs > claim.sentAtMs,
  )
  assert.is(late.length, 0, 'it still believed in its lease after the next claim')
  await assertLoggedOnce(bench, 'job.succeeded')
  assertCount(bench, (await bench.document('origin_a.mp4'))?.claim, { wanted: 2, taken: 1 })
})

rest('Q20: a lease lost between telling the dead queue and writing it down: told again, and dead once', async () => {
  await using bench = await startBench({ code: noteCode, chain: '[note(), upload()]', more: shortLease })
  const { proxy } = bench.first
  const on = (call: Call) => isBurial(call) && countFailedSettlements(bench) === 0
  proxy.fault({ on, do: 'respond', status: 503, code: 'SlowDown' })
  await bench.upload('origin_a.mp4', 'no film')
  await bench.waitUntilIdle()
  const more = countFailedSettlements(bench)
  assert.ok(more >= 1, 'an end could not be written down')
  assert.is(proxy.calls.filter(({ name }) => name === 'SendMessage dead').length, 1 + more)
  await bench.checkInvariants({ dead: ['origin_a.mp4'], moreDead: more })
})

rest('an owner cut off from S3 alone stops, and another one does the job', async () => {
  await using bench = await startBench({ ...slow, more: shortLease })
  const { first } = bench
  await bench.upload('origin_a.mp4', await tinyVideo())
  const ffmpeg = await inFfmpeg(bench)
  const cut = first.proxy.cut(({ service }) => service === 's3')
  await bench.start()
  await first.daemon.waitFor('job.abandoned')
  await until('its ffmpeg is gone', () => !isAlive(ffmpeg))
  const document = await bench.waitUntilFinished('origin_a.mp4', 100)
  const calls = first.proxy.calls.length
  cut.off()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assertCount(bench, document.claim, { wanted: 2, taken: 1 })
  assertCount(bench, document.attempt, { wanted: 2, taken: 1 })
  assert.equal(writesSince(first, calls), [])
})

row('an owner cut off from SQS alone finishes its job, and nobody else begins it', async () => {
  await using bench = await startBench(gated)
  const { first } = bench
  await bench.upload('origin_a.mp4', await tinyVideo())
  await first.daemon.waitFor('job.started')
  const cut = first.proxy.cut(({ service }) => service === 'sqs')
  const { proxy } = await bench.start()
  const looks = () => proxy.calls.filter(({ name }) => name === 'GET document').length
  await until('another one looks at its record', () => looks() >= 3)
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.equal([bench.countEvents('job.started'), (await bench.document('origin_a.mp4'))?.claim], [1, 1])
  cut.off()
})
