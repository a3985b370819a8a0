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
import type { Breakpoint } from './breakpoints.ts'

const grace = 'shutdown: { graceSeconds: 1 },'

const row = runInParallel(suite('SIGTERM', { timeoutSeconds: EXPLORATION_SECONDS }))

row.exhaustive('SIGTERM at any network call: no attempt is used, and the daemon exits with 0', async () => {
  const breakpoints = await findBreakpoints(success, (n) => n % 5 === 0)
  await explore(breakpoints, runWithSigterm)
})

row.exhaustive('SIGTERM at any call of a failure, a second attempt and dead-lettering: the job ends dead', async () => {
  const breakpoints = await findBreakpoints(deadLettering, (n) => n % 9 === 3)
  await explore(breakpoints, (breakpoint) => runScenarioWithSigterm(deadLettering, breakpoint))
})

/** Returns breakpoints before the calls except polls. Without `MEDIAD_FAULTS=all`, only those whose index is chosen. */
async function findBreakpoints(scenario: Scenario, isChosen: (n: number) => boolean): Promise<Breakpoint[]> {
  const labels = (await findLabels(scenario)).filter((label) => !label.includes('ReceiveMessage'))
  return labels.filter((_, n) => all || isChosen(n)).map((label) => ({ label, when: 'before' }))
}

row(
  'killed while it stops, after the source is returned to the work queue and before the job is released: done once',
  async () => {
    const more = `${toJobConfig({ leaseSeconds: 12, attempts: 9 })} ${grace}`
    await using bench = await startBench({ ...success.options, daemons: 0, more })
    const breakpoint: Breakpoint = { label: 'running: SendMessage work #1', when: 'after' }
    const run = await runScenario(
      bench,
      { ...success, closed: true },
      { ...breakpoint, act: ({ daemon }) => daemon.kill() },
    )
    await run.member.daemon.waitFor('job.started')
    run.member.daemon.signal('SIGTERM')
    assert.is(await run.member.daemon.ended, 'SIGKILL')
    assert.ok(run.hasActed())
    await bench.openGate()
    await bench.start(shortenWorkVisibility)
    await bench.waitUntilIdle()
    await bench.checkInvariants()
    await checkAttempts(bench, 2)
  },
)

row.exhaustive('SIGTERM during a multipart upload: no upload stays open', async () => {
  await using bench = await startBench({ ...success.options, more: grace })
  await bench.openGate()
  const { daemon, proxy } = bench.first
  const stalled = proxy.fault({ on: ({ op }) => op === 'UploadPart', do: 'stall' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  await until('a part upload is stalled', () => stalled.hits > 0)
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

async function runWithSigterm(breakpoint: Breakpoint): Promise<boolean> {
  return await runScenarioWithSigterm(success, breakpoint, (bench) => checkAttempts(bench, 1))
}

/** Returns false when the call did not happen. */
async function runScenarioWithSigterm(
  scenario: Scenario,
  breakpoint: Breakpoint,
  check?: (bench: Bench) => Promise<void>,
): Promise<boolean> {
  await using bench = await startBench({ ...scenario.options, daemons: 0, more: `${scenario.options.more} ${grace}` })
  const run = await runScenario(bench, scenario, { ...breakpoint, act: ({ daemon }) => daemon.signal('SIGTERM') })
  if (!(await isReached(bench, run))) return false
  assert.is(await run.member.daemon.ended, 0, 'exit code')
  await bench.start()
  await bench.waitUntilIdle()
  await checkExpected(bench, scenario)
  await check?.(bench)
  return true
}
