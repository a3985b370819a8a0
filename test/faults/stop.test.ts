import * as assert from 'uvu/assert'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { BUCKET } from '../helpers/cloud.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import {
  all,
  deadLettering,
  checkAttempts,
  checkExpected,
  explore,
  EXPLORATION_SECONDS,
  findLabels,
  isReached,
  runScenario,
  success,
  type Scenario,
  shortenWorkVisibility,
} from './explore.ts'
import { toJobConfig, type Bench } from './setup.ts'
import { runInParallel } from '../helpers/parallel.ts'
import type { Stop } from './stops.ts'
import { toTierStops } from './windows.ts'

const grace = 'shutdown: { graceSeconds: 1 },'

const row = runInParallel(suite('stop', { timeoutSeconds: EXPLORATION_SECONDS }))

/** Before its claim, and with an output uploaded. */
const quick: Stop[] = [
  { label: 'claiming: SendMessage in-progress #1', when: 'before' },
  { label: 'running: CompleteMultipartUpload output #1', when: 'before' },
]

row(
  'told to stop at any of its network calls: no attempt is lost, and it exits with 0',
  async () => {
    const stops = await toTierStops(quick, () => findStops(success, (n) => n % 3 === 0))
    await explore(stops, runWithStop)
  },
  { exhaustive: 'partly' },
)

row.exhaustive('told to stop at any call of a failure, a second attempt and a burial: dead all the same', async () => {
  const stops = await findStops(deadLettering, (n) => n % 6 === 3)
  await explore(stops, (stop) => runWithStopOf(deadLettering, stop))
})

/** Before calls that are no polls: all of them, or those whose number is chosen. */
async function findStops(scenario: Scenario, isChosen: (n: number) => boolean): Promise<Stop[]> {
  const labels = (await findLabels(scenario)).filter((label) => !label.includes('ReceiveMessage'))
  return labels.filter((_, n) => all || isChosen(n)).map((label) => ({ label, when: 'before' }))
}

row('killed while it stops, after the source went back to work and before it is released: done, once', async () => {
  const more = `${toJobConfig({ leaseSeconds: 12, attempts: 9 })} ${grace}`
  await using bench = await startBench({ ...success.options, daemons: 0, more })
  const stop: Stop = { label: 'running: SendMessage work #1', when: 'after' }
  const run = await runScenario(bench, { ...success, closed: true }, { ...stop, act: ({ daemon }) => daemon.kill() })
  await run.member.daemon.waitFor('job.started')
  run.member.daemon.signal('SIGTERM')
  assert.is(await run.member.daemon.ended, 'SIGKILL')
  assert.ok(run.hasActed())
  await bench.openGate()
  await bench.start(shortenWorkVisibility)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  await checkAttempts(bench, 2)
})

row.exhaustive('told to stop inside an upload in parts: no upload stays open', async () => {
  await using bench = await startBench({ ...success.options, more: grace })
  await bench.openGate()
  const { daemon, proxy } = bench.first
  const stalled = proxy.fault({ on: ({ op }) => op === 'UploadPart', do: 'stall' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('a part is on its way', () => stalled.hits > 0)
  assert.is(await daemon.stop(), 0)
  const { Uploads = [] } = await bench.cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  assert.equal(
    Uploads.map(({ Key }) => Key),
    [],
  )
  await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
})

async function runWithStop(stop: Stop): Promise<boolean> {
  return await runWithStopOf(success, stop, (bench) => checkAttempts(bench, 1))
}

/** False when the call never came. */
async function runWithStopOf(
  scenario: Scenario,
  stop: Stop,
  check?: (bench: Bench) => Promise<void>,
): Promise<boolean> {
  await using bench = await startBench({ ...scenario.options, daemons: 0, more: `${scenario.options.more} ${grace}` })
  const run = await runScenario(bench, scenario, { ...stop, act: ({ daemon }) => daemon.signal('SIGTERM') })
  if (!(await isReached(bench, run))) return false
  assert.is(await run.member.daemon.ended, 0, 'exit code')
  await bench.start()
  await bench.waitUntilIdle()
  await checkExpected(bench, scenario)
  await check?.(bench)
  return true
}
