import * as assert from 'uvu/assert'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import type { Breakpoint } from './breakpoints.ts'
import { findFfmpeg, toJobConfig, type Bench } from './setup.ts'
import { all, checkAttempts, explore, EXPLORATION_SECONDS, findLabels, KEY, success } from './explore.ts'
import { slowCopyCode } from '../helpers/gate.ts'
import { runWithKill, toBreakpoints } from './kills.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { pickBreakpoints, windows } from './windows.ts'

const row = runInParallel(suite('crash', { timeoutSeconds: EXPLORATION_SECONDS }))

row(
  'P2: killed at any of its network calls: the next daemon finishes the job, once',
  async () => {
    const breakpoints = await pickBreakpoints(windows.success, findBreakpoints)
    await explore(breakpoints, (breakpoint) => runWithKill(success, breakpoint))
  },
  { exhaustive: 'partly' },
)

row.exhaustive('P1: killed while ffmpeg runs', async () => {
  const percents = all ? [1, 2, 4, 6, 8, 10, 12, 15] : [1, 4, 8]
  while (percents.length > 0) await Promise.all(percents.splice(0, 3).map(runWithKillInFfmpeg))
})

async function findBreakpoints(): Promise<Breakpoint[]> {
  const labels = await findLabels(success)
  assert.ok(labels.length >= 20, `only ${labels.length} calls: ${labels.join(', ')}`)
  assert.not.ok(
    labels.some((label) => label.includes('Batch')),
    'Q17: entries of a batch can fail individually',
  )
  return toBreakpoints(labels, isFirstOfKind)
}

/** Selects the calls that are explored without `MEDIAD_FAULTS=all`. */
const isFirstOfKind = (label: string) => label.endsWith('#1')

/** @param percent progress of the one-minute copy at which the daemon is killed */
async function runWithKillInFfmpeg(percent: number): Promise<void> {
  // an attempt that loses its lease starts again; this lease is long enough to reach the kill
  const more = toJobConfig({ leaseSeconds: 20, attempts: 9 })
  await using bench = await startBench({ code: slowCopyCode, chain: '[slowCopy(), upload()]', more })
  const { daemon } = bench.first
  await bench.upload(KEY, await tinyVideo())
  await until(`ffmpeg is at ${percent} %`, () => hasReached(bench, percent), 120)
  await daemon.kill()
  await until('its ffmpeg has ended', () => findFfmpeg(bench).length === 0)
  await bench.openGate()
  await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  await checkAttempts(bench, 2)
}

async function hasReached(bench: Bench, percent: number): Promise<boolean> {
  const { plugin = null, pluginPercent: reached = 0 } = (await bench.document(KEY))?.progress ?? {}
  return plugin === 'slow-copy' && reached >= percent && findFfmpeg(bench).length > 0
}
