import * as assert from 'uvu/assert'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { BUCKET } from '../helpers/cloud.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import {
  all,
  burial,
  checkAttempts,
  checkExpected,
  explore,
  EXPLORATION_SECONDS,
  findLabels,
  isReached,
  perform,
  success,
  type Play,
  hideBriefly,
} from './explore.ts'
import { terms, type Bench } from './scene.ts'
import { besides } from '../helpers/besides.ts'
import type { Stop } from './stops.ts'

const grace = 'shutdown: { graceSeconds: 1 },'

const row = besides(suite('stop', { timeoutSeconds: EXPLORATION_SECONDS }))

row.exhaustive('told to stop at any of its network calls: no attempt is lost, and it exits with 0', async () => {
  const stops = await findStops(success, (n) => n % 3 === 0)
  await explore(stops, runWithStop)
})

row.exhaustive('told to stop at any call of a failure, a second attempt and a burial: dead all the same', async () => {
  const stops = await findStops(burial, (n) => n % 6 === 3)
  await explore(stops, (stop) => runWithStopOf(burial, stop))
})

/** Before calls that are no polls: all of them, or those whose number is chosen. */
async function findStops(play: Play, isChosen: (n: number) => boolean): Promise<Stop[]> {
  const labels = (await findLabels(play)).filter((label) => !label.includes('ReceiveMessage'))
  return labels.filter((_, n) => all || isChosen(n)).map((label) => ({ label, when: 'before' }))
}

row('killed while it stops, after the source went back to work and before it is released: done, once', async () => {
  const more = `${terms({ leaseSeconds: 12, attempts: 9 })} ${grace}`
  await using bench = await startBench({ ...success.options, daemons: 0, more })
  const stop: Stop = { label: 'running: SendMessage work #1', when: 'after' }
  const performance = await perform(
    bench,
    { ...success, closed: true },
    { ...stop, act: ({ daemon }) => daemon.kill() },
  )
  await performance.member.daemon.waitFor('job.started')
  performance.member.daemon.signal('SIGTERM')
  assert.is(await performance.member.daemon.ended, 'SIGKILL')
  assert.ok(performance.hasActed())
  await bench.openGate()
  await bench.start(hideBriefly)
  await bench.quiescence()
  await bench.checkInvariants()
  await checkAttempts(bench, 2)
})

row.exhaustive('told to stop inside an upload in parts: no upload stays open', async () => {
  await using bench = await startBench({ ...success.options, more: grace })
  await bench.openGate()
  const { daemon, line } = bench.first
  const stalled = line.fault({ on: ({ op }) => op === 'UploadPart', do: 'stall' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('a part is on its way', () => stalled.hits > 0)
  assert.is(await daemon.stop(), 0)
  const { Uploads = [] } = await bench.cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  assert.equal(
    Uploads.map(({ Key }) => Key),
    [],
  )
  await bench.start()
  await bench.quiescence()
  await bench.checkInvariants()
})

async function runWithStop(stop: Stop): Promise<boolean> {
  return await runWithStopOf(success, stop, (bench) => checkAttempts(bench, 1))
}

/** False when the call never came. */
async function runWithStopOf(play: Play, stop: Stop, check?: (bench: Bench) => Promise<void>): Promise<boolean> {
  await using bench = await startBench({ ...play.options, daemons: 0, more: `${play.options.more} ${grace}` })
  const performance = await perform(bench, play, { ...stop, act: ({ daemon }) => daemon.signal('SIGTERM') })
  if (!(await isReached(bench, performance))) return false
  assert.is(await performance.member.daemon.ended, 0, 'exit code')
  await bench.start()
  await bench.quiescence()
  await checkExpected(bench, play)
  await check?.(bench)
  return true
}
