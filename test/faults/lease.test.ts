import * as assert from 'uvu/assert'
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import type { JobDocument } from '../../daemon/job/job.ts'
import { BUCKET } from '../helpers/cloud.ts'
import { noteCode, paceCode } from '../helpers/fleet.ts'
import { findProcess, isAlive } from '../helpers/liveness.ts'
import { longVideo, tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { countLost, documentPathOf, hasty, jobIdOf, longLease, type Bench, type Member } from './scene.ts'
import type { Call } from './calls.ts'
import { besides } from './rows.ts'

const row = besides(suite('lease faults', { timeoutSeconds: 150 }))

const slow = { code: paceCode, chain: '[pace(), upload()]' }
const isHeartbeat = ({ name, says }: Call) =>
  name === 'PUT document' && says.state === 'processing' && Number(says.rev) > 1
const isNextClaim = ({ name, says }: Call) => name === 'PUT document' && says.claim === 2
const isAbandoned = ({ msg }: { msg?: string }) => msg?.startsWith('job abandoned') === true

/** Waits until the first daemon has the job in ffmpeg; gives that ffmpeg. */
const inFfmpeg = (bench: Bench): Promise<number> => findProcess('/ffmpeg', bench.first.daemon.folder, 60)

/** What a daemon wrote under output keys or into the document since `count` calls. */
function writesSince({ line }: Member, count: number): string[] {
  const writes = line.calls
    .slice(count)
    .filter(({ service, op }) => service === 's3' && /^(?:PUT|UploadPart|C)/.test(op))
  return writes.map(({ name }) => name)
}

row(
  'a healthy job ten times longer than its lease, swept by three daemons all the while, is started once',
  async () => {
    await using bench = await startBench({
      code: noteCode,
      daemons: 3,
      chain: '[note({ pause: 61 }), upload()]',
      more: hasty.replace('attempts: 3', 'attempts: 9'),
    })
    await bench.upload('origin_a.mp4', await tinyVideo())
    await bench.quiescence(120)
    await bench.checkInvariants({ attempts: 9 })
    const looks = bench.members.flatMap(({ line }) => line.calls).filter(({ name }) => name === 'GET document').length
    assert.ok(looks > 30, `its record was looked at ${looks} times`)
    assert.is(bench.said('job started'), 1 + countLost(bench), 'nobody started it but after an owner who stopped')
  },
)

row('Q3: a message that comes back while its owner is mute and may not delete it: published once', async () => {
  await using bench = await startBench({
    code: noteCode,
    daemons: 2,
    chain: '[note({ pause: 5 }), upload()]',
    more: hasty,
  })
  for (const { line } of bench.members) {
    line.rewrite(({ name }) => (name === 'ReceiveMessage work' ? { VisibilityTimeout: 1 } : {}))
    const deny = { do: 'answer', status: 500, code: 'InternalFailure' } as const
    line.fault({ ...deny, on: ({ name }) => name === 'DeleteMessage work', times: 6 })
    line.fault({ ...deny, on: (call) => isHeartbeat(call) && call.says.claim === 1 })
  }
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.quiescence(100)
  await bench.checkInvariants()
  assert.is(bench.said('job succeeded'), 1)
  assert.ok(((await bench.document('origin_a.mp4'))?.claim ?? 0) >= 2)
})

row('S5: heartbeats that are never answered, sent or not: the next one goes over a new socket', async () => {
  await using bench = await startBench({ code: noteCode, chain: '[note({ pause: 18 }), upload()]', more: longLease })
  const { line } = bench.first
  let beats = 0
  line.watch((call) => void (beats += isHeartbeat(call) ? 1 : 0))
  // never two in a row: each is given up after three seconds, and the lease ends after ten without a word
  const unsent = line.fault({ on: (call) => isHeartbeat(call) && beats === 2, times: 1, do: 'stall' })
  const unanswered = line.fault({ on: (call) => isHeartbeat(call) && beats === 4, times: 1, do: 'stallReply' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.quiescence()
  await bench.checkInvariants()
  const document = await bench.document('origin_a.mp4')
  assert.equal([document?.attempt, document?.claim], [1, 1])
  assert.equal([unsent.hits, unanswered.hits], [1, 1])
})

row('slow heartbeats, each two seconds on its way: the job goes on, and is done once', async () => {
  await using bench = await startBench({ ...slow, daemons: 2, more: longLease })
  const slowed = bench.members.map(({ line }) => line.fault({ on: isHeartbeat, do: 'delay', seconds: 2 }))
  await bench.upload('origin_a.mp4', await longVideo())
  await bench.quiescence()
  await bench.checkInvariants()
  assert.ok(slowed.some(({ hits }) => hits >= 2))
  assert.is(bench.said('job started'), 1 + countLost(bench))
})

row('S8: the document deleted while ffmpeg works: ffmpeg ends, nothing is published, the job begins anew', async () => {
  await using bench = await startBench({ ...slow, more: longLease })
  await bench.upload('origin_a.mp4', await longVideo())
  const ffmpeg = await inFfmpeg(bench)
  await bench.cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: documentPathOf('origin_a.mp4') }))
  await until('its ffmpeg is gone', () => !isAlive(ffmpeg), 10)
  assert.equal(await bench.cloud.list('paced_'), [])
  await bench.first.daemon.waitFor(isAbandoned)
  await bench.quiescence()
  await bench.checkInvariants()
})

row('S8: the document replaced by another owner: ffmpeg ends, nothing is published over him', async () => {
  await using bench = await startBench({ ...slow, more: hasty })
  const { first } = bench
  await bench.upload('origin_a.mp4', await longVideo())
  const ffmpeg = await inFfmpeg(bench)
  const mine = (await bench.document('origin_a.mp4')) as JobDocument
  const [claim, owner] = [mine.claim + 1, 'another/1']
  const { id, source } = mine
  await bench.send('inProgress', JSON.stringify({ version: 1, id, source, claim, owner }))
  const his = JSON.stringify({ ...mine, claim, owner, attempt: 2, rev: mine.rev + 10, nonce: 'his' })
  await bench.cloud.put(documentPathOf('origin_a.mp4'), his)
  await until('its ffmpeg is gone', () => !isAlive(ffmpeg), 10)
  await first.daemon.waitFor(isAbandoned)
  assert.is((await bench.cloud.get(documentPathOf('origin_a.mp4'))).toString(), his)
  assert.equal(await bench.cloud.list('paced_'), [])
  // he dies, too: his lease goes stale, and his record brings the job back
  const document = await bench.over('origin_a.mp4', 60)
  assert.equal([document.state, document.claim, document.attempt], ['succeeded', 3, 3])
  await bench.quiescence()
  assert.is(jobIdOf('origin_a.mp4'), document.id)
})

row('S10: heartbeats fail for less than the lease: the job goes on, and is done once', async () => {
  await using bench = await startBench({ ...slow, daemons: 2, more: longLease })
  for (const { line } of bench.members) {
    const failing = line.fault({ on: isHeartbeat, do: 'answer', status: 500, code: 'InternalError' })
    line.watch((call) => {
      if (isHeartbeat(call)) setTimeout(failing.off, 4000).unref()
    })
  }
  await bench.upload('origin_a.mp4', await longVideo())
  await bench.quiescence()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.claim, 1)
  assert.is(bench.said('job started'), 1)
})

row('S10: heartbeats fail for longer than the lease: the owner stops before another one may claim', async () => {
  await using bench = await startBench({ ...slow, more: hasty })
  const { first } = bench
  const failing = first.line.fault({ on: isHeartbeat, do: 'answer', status: 503, code: 'SlowDown' })
  await bench.upload('origin_a.mp4', await longVideo())
  const ffmpeg = await inFfmpeg(bench)
  const nextClaim = () => bench.members.flatMap(({ line }) => line.calls).find(isNextClaim)
  const [endedAt, claim] = await Promise.all([
    until('its ffmpeg is gone', () => (isAlive(ffmpeg) ? null : performance.now()), 40),
    until('somebody claims', nextClaim, 60),
    first.daemon.waitFor(isAbandoned, 40).then(failing.off),
    bench.start(),
  ])
  assert.ok(endedAt < claim.sentAtMs, `its ffmpeg ended ${endedAt - claim.sentAtMs} ms after the next claim`)
  await bench.quiescence()
  await bench.checkInvariants()
  const late = first.line.calls.filter(
    (call) => isHeartbeat(call) && call.says.claim === 1 && call.sentAtMs > claim.sentAtMs,
  )
  assert.is(late.length, 0, 'it still believed in its lease after the next claim')
  assert.equal([bench.said('job succeeded'), (await bench.document('origin_a.mp4'))?.claim], [1, 2])
})

row('an owner cut off from S3 alone stops, and another one does the job', async () => {
  await using bench = await startBench({ ...slow, more: hasty })
  const { first } = bench
  await bench.upload('origin_a.mp4', await longVideo())
  const ffmpeg = await inFfmpeg(bench)
  const cut = first.line.cut(({ service }) => service === 's3')
  await bench.start()
  await first.daemon.waitFor(isAbandoned, 40)
  assert.not.ok(isAlive(ffmpeg))
  const document = await bench.over('origin_a.mp4', 80)
  const calls = first.line.calls.length
  cut.off()
  await bench.quiescence()
  await bench.checkInvariants()
  assert.equal([document.claim, document.attempt], [2, 2])
  assert.equal(writesSince(first, calls), [])
})

row('an owner cut off from SQS alone finishes its job, and nobody else begins it', async () => {
  await using bench = await startBench({ code: noteCode, chain: '[note({ pause: 10 }), upload()]' })
  const { first } = bench
  await bench.upload('origin_a.mp4', await tinyVideo())
  await first.daemon.waitFor('job started')
  const cut = first.line.cut(({ service }) => service === 'sqs')
  await bench.start()
  await bench.quiescence()
  await bench.checkInvariants()
  assert.equal([bench.said('job started'), (await bench.document('origin_a.mp4'))?.claim], [1, 1])
  cut.off()
})
