import * as assert from 'uvu/assert'
import { runInParallel } from '../helpers/parallel.ts'
import { startFleet, noteCode, paceCode, type Fleet } from '../helpers/fleet.ts'
import { createGate, gateCode } from '../helpers/gate.ts'
import { longVideo, tinyVideo } from '../helpers/media.ts'
import { waitForProcess, isAlive } from '../helpers/liveness.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('takeover'))
const rest = test.exhaustive

/** The first claim runs ffmpeg for two minutes, so that it can be interrupted; the next one finishes soon. */
const slow = { code: paceCode, chain: '[pace({ claims: 1 }), upload()]' }
const slowVideo = () => longVideo(120)

async function waitUntilRunning(fleet: Fleet, key: string): Promise<void> {
  await until(`ffmpeg runs for ${key}`, async () => (await fleet.document(key))?.progress.plugin === 'pace')
}

rest('another daemon takes over the job of a daemon that was killed during ffmpeg', async () => {
  await using fleet = await startFleet(slow)
  const [first] = fleet.daemons
  await fleet.cloud.put('origin_a.mp4', await slowVideo())
  const ffmpeg = await waitForProcess('ffmpeg', first?.folder ?? '')
  await waitUntilRunning(fleet, 'origin_a.mp4')
  await first?.kill()
  await until('its ffmpeg has ended', () => !isAlive(ffmpeg))
  await fleet.start()
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.state, document.attempt, document.claim], ['succeeded', 2, 2])
  assert.is(document.history[0]?.error.code, 'internal.crashed')
  assert.is(document.outputs.length, 1)
  await fleet.waitUntilDrained()
  assert.equal(await fleet.takeDeadMessages(), [])
})

rest('SIGTERM: a job that fits in the grace time finishes, and no more jobs are taken', async () => {
  await using gate = await createGate()
  await using fleet = await startFleet({
    code: gateCode + noteCode,
    env: gate.env,
    chain: '[gate(), note(), upload()]',
    more: 'shutdown: { graceSeconds: 600 }',
  })
  const [daemon] = fleet.daemons
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  await daemon?.waitFor('job.started')
  daemon?.signal('SIGTERM')
  await daemon?.waitFor('daemon.stopping')
  await fleet.cloud.put('origin_b.mp4', await tinyVideo())
  await gate.open()
  assert.is(await daemon?.ended, 0)
  assert.is((await fleet.document('origin_a.mp4'))?.state, 'succeeded')
  assert.is(await fleet.document('origin_b.mp4'), null)
  await fleet.start()
  assert.is((await fleet.waitUntilFinished('origin_b.mp4')).attempt, 1)
  await fleet.waitUntilDrained()
})

test('SIGTERM: a job longer than the grace time is released without outputs, and continues elsewhere in the same attempt', async () => {
  await using fleet = await startFleet({ ...slow, more: 'shutdown: { graceSeconds: 1 }' })
  const [daemon] = fleet.daemons
  await fleet.cloud.put('origin_a.mp4', await slowVideo())
  const ffmpeg = await waitForProcess('ffmpeg', daemon?.folder ?? '')
  await waitUntilRunning(fleet, 'origin_a.mp4')
  assert.is(await daemon?.stop(), 0)
  assert.not.ok(isAlive(ffmpeg))
  const released = await fleet.document('origin_a.mp4')
  assert.equal([released?.state, released?.owner, released?.attempt], ['released', null, 1])
  assert.equal(
    (await fleet.cloud.list()).filter((key) => key.startsWith('paced_')),
    [],
  )
  const { visible, delayed } = await fleet.cloud.messages(fleet.cloud.local.queueUrls.work)
  assert.is(visible + delayed, 1)
  await fleet.start()
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.state, document.attempt, document.claim], ['succeeded', 1, 2])
  await fleet.waitUntilDrained()
})

rest('a second signal ends a daemon immediately, and its job is taken over', async () => {
  await using gate = await createGate()
  await using fleet = await startFleet({ code: gateCode, env: gate.env, chain: '[gate({ claims: 1 }), upload()]' })
  const [daemon] = fleet.daemons
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  await daemon?.waitFor('job.started')
  daemon?.signal('SIGTERM')
  await daemon?.waitFor('daemon.stopping')
  await new Promise((resolve) => setTimeout(resolve, 150)) // two signals within a tenth of a second count as one
  assert.is(await daemon?.stop('SIGINT'), 1)
  assert.is((await fleet.document('origin_a.mp4'))?.state, 'processing')
  await fleet.start()
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.state, document.attempt], ['succeeded', 2])
  await fleet.waitUntilDrained()
})

rest('processes a newer upload after the older one, without mixing results', async () => {
  await using gate = await createGate()
  const chain = '[gate(), note(), upload()]'
  await using fleet = await startFleet({ daemons: 2, code: gateCode + noteCode, env: gate.env, chain })
  const older = await tinyVideo()
  const newer = Buffer.concat([older, Buffer.from([0, 0, 0, 8, 0x66, 0x72, 0x65, 0x65])]) // an empty "free" box changes the etag
  await fleet.cloud.put('origin_a.mp4', older)
  await until(
    'the older upload is being processed',
    async () => (await fleet.document('origin_a.mp4'))?.state === 'processing',
  )
  const etag = await fleet.cloud.put('origin_a.mp4', newer)
  await until('the newer upload is postponed', () => fleet.countEvents('message.decided', { decision: 'postpone' }) > 0)
  await gate.open()
  const document = await until('the newer upload is processed', async () => {
    const current = await fleet.document('origin_a.mp4')
    return current?.source.etag === etag && current.state === 'succeeded' ? current : null
  })
  assert.is(document.attempt, 1)
  assert.match((await fleet.cloud.get('note_a.txt')).toString(), new RegExp(`^${etag} ${newer.length} `))
  await fleet.waitUntilDrained()
  assert.equal(await fleet.takeDeadMessages(), [])
})

test('a daemon that was frozen beyond its lease writes nothing after it wakes up', async () => {
  await using gate = await createGate()
  const chain = '[gate({ claims: 1 }), note(), upload()]'
  await using fleet = await startFleet({ code: gateCode + noteCode, env: gate.env, chain })
  const [frozen] = fleet.daemons
  await fleet.cloud.put('origin_a.mp4', await tinyVideo())
  await frozen?.waitFor('job.started')
  frozen?.signal('SIGSTOP')
  await fleet.start()
  const document = await fleet.waitUntilFinished('origin_a.mp4')
  assert.equal([document.state, document.claim], ['succeeded', 2])
  frozen?.signal('SIGCONT')
  await frozen?.waitFor('job.abandoned')
  assert.equal(await fleet.document('origin_a.mp4'), document)
  assert.match((await fleet.cloud.get('note_a.txt')).toString(), /claim 2$/)
  await fleet.waitUntilDrained()
})
