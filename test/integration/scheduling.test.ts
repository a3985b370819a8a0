import * as assert from 'uvu/assert'
import { runInParallel } from '../helpers/parallel.ts'
import { toNotificationBody } from '../../daemon/protocol/notification.ts'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { noteCode, paceCode, startFleet, type Fleet } from '../helpers/fleet.ts'
import { createGate, gateCode } from '../helpers/gate.ts'
import { longVideo, tinyVideo } from '../helpers/media.ts'
import { startMediad } from '../helpers/process.ts'
import { findProcesses } from '../helpers/liveness.ts'
import { startProxy } from '../helpers/proxy.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('scheduling'))

test('two daemons run exactly one attempt for 20 duplicate notifications of an upload', async () => {
  await using gate = await createGate()
  const chain = '[gate(), note(), upload()]'
  await using fleet = await startFleet({ daemons: 2, code: gateCode + noteCode, env: gate.env, chain })
  const video = await tinyVideo()
  const etag = await fleet.cloud.put('origin_a.mp4', video)
  const body = toNotificationBody({ bucket: BUCKET, key: 'origin_a.mp4', etag, sizeBytes: video.length })
  await Promise.all(Array.from({ length: 20 }, () => fleet.notify(body)))
  await until(
    'all duplicates are postponed while the job runs',
    () => fleet.countEvents('message.decided', { decision: 'postpone' }) >= 20,
  )
  await gate.open()
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.state, document.attempt, document.claim], ['succeeded', 1, 1])
  await fleet.waitUntilDrained()
  assert.is(fleet.countEvents('job.started'), 1)
  assert.equal(await fleet.takeDeadMessages(), [])
  assert.equal(await fleet.document('origin_a.mp4'), document)
})

test.exhaustive(
  'runs two jobs as two concurrent ffmpeg processes, and responds to HTTP requests meanwhile',
  async () => {
    await using fleet = await startFleet({ code: paceCode, chain: '[pace(), upload()]' })
    const [daemon] = fleet.daemons
    const video = await longVideo()
    await fleet.cloud.put('origin_a.mp4', video)
    await fleet.cloud.put('origin_b.mp4', video)
    // each process is frozen when it is found, so that none ends before the other starts, even on a slow machine
    const frozen = new Set<number>()
    await until('two ffmpeg processes run', () => {
      for (const id of findProcesses('ffmpeg', daemon?.folder ?? '')) {
        if (!frozen.has(id)) process.kill(id, 'SIGSTOP')
        frozen.add(id)
      }
      return frozen.size === 2
    })
    assert.is((await fetch(`${daemon?.url}/health`)).status, 200)
    for (const id of frozen) process.kill(id, 'SIGCONT')
    for (const key of ['origin_a.mp4', 'origin_b.mp4'])
      assert.is((await fleet.waitUntilFinished(key)).state, 'succeeded')
  },
)

test.exhaustive('runs no more jobs concurrently than it has slots, and finishes all', async () => {
  await using fleet = await startFleet({ code: noteCode, chain: '[note({ pause: 0.3 }), upload()]' })
  assert.is(await runJobs(fleet, 8), 2)
  await fleet.waitUntilDrained()
})

test.exhaustive(
  'with adaptive concurrency, finishes all jobs however busy the machine is, and never runs more than the maximum',
  async () => {
    const more = `queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL'), poll: '* * * * * *', concurrency: { max: 2, targetCpu: 0.5 } },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL'), poll: '* * * * * *' },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },`
    await using fleet = await startFleet({ code: noteCode, chain: '[note({ pause: 0.3 }), upload()]', more })
    assert.ok((await runJobs(fleet, 4)) <= 2)
    assert.is(await fleet.daemons[0]?.stop(), 0)
  },
)

/** Runs jobs to their end, each in one attempt, and returns how many ran at once at most. */
async function runJobs(fleet: Fleet, count: number): Promise<number> {
  const video = await tinyVideo()
  const keys = Array.from({ length: count }, (_, n) => `origin_${n}.mp4`)
  await Promise.all(keys.map((key) => fleet.cloud.put(key, video)))
  for (const key of keys) assert.is((await fleet.waitUntilFinished(key)).attempt, 1)
  let running = 0
  let most = 0
  for (const { event } of fleet.daemons[0]?.entries ?? []) {
    if (event === 'job.started') most = Math.max(most, ++running)
    if (event === 'job.succeeded') running--
  }
  return most
}

test.exhaustive('sweeps a healthy job that takes several times its lease, without starting it again', async () => {
  await using gate = await createGate()
  const chain = '[gate(), note(), upload()]'
  await using fleet = await startFleet({ daemons: 2, code: gateCode + noteCode, env: gate.env, chain })
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  // the recheck time between two sweeps is one second; 36 sweeps take three leases
  await until(
    'it has been swept for three leases',
    () => fleet.countEvents('sweep.decided', { decision: 'wait' }) > 36,
    200,
  )
  await gate.open()
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.state, document.attempt, document.claim], ['succeeded', 1, 1])
  await fleet.waitUntilDrained()
  assert.is(fleet.countEvents('job.started'), 1)
})

test.exhaustive('an idle daemon sends no more requests to SQS than its ticks require', async () => {
  await using cloud = await startCloud()
  await using counter = await startProxy(cloud.local.sqsEndpoint)
  const env: Record<string, string> = { ...cloud.local.env, MEDIAD_BUCKET: BUCKET }
  for (const name of ['WORK', 'IN_PROGRESS', 'DEAD'] as const) {
    const url = new URL(cloud.local.env[`MEDIAD_${name}_QUEUE_URL`] ?? '')
    env[`MEDIAD_${name}_QUEUE_URL`] = `${counter.url}${url.pathname}`
  }
  const config = `
import { defineConfig, env } from 'mediad'
import { upload } from 'mediad/plugins'
export default defineConfig({
  bucket: env('MEDIAD_BUCKET'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL'), poll: '*/2 * * * * *' },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL'), poll: '*/4 * * * * *' },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  http: { port: 0 },
  plugins: [upload()],
})`
  await using daemon = await startMediad(['start'], { env, config })
  await daemon.started()
  const receives = () => counter.requests.filter(({ target }) => target === 'AmazonSQS.ReceiveMessage').length
  const before = receives()
  const startedAt = performance.now()
  await until('it has sent ten requests', () => receives() >= before + 10)
  const seconds = (performance.now() - startedAt) / 1000
  // one request per 2 s for work and per 4 s for in-progress, plus two of each for the start and end of the window
  assert.ok(10 <= seconds / 2 + seconds / 4 + 4, `10 requests in ${seconds} s`)
  assert.is(await daemon.stop(), 0)
})
