import * as assert from 'uvu/assert'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { findFfmpeg, toJobConfig, type Bench } from './setup.ts'
import { all, checkAttempts, explore, EXPLORATION_SECONDS, findLabels, KEY, success } from './explore.ts'
import { slowCopyCode } from '../helpers/gate.ts'
import { runWithKill, toStops } from './kills.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { pickCases } from '../helpers/tiers.ts'
import { toTierStops, windows } from './windows.ts'

const row = runInParallel(suite('crash', { timeoutSeconds: EXPLORATION_SECONDS }))

row(
  'P2: killed at any of its network calls: the next daemon ends the job, once',
  async () => {
    const labels = await findLabels(success)
    assert.ok(labels.length >= 20, `only ${labels.length} calls: ${labels.join(', ')}`)
    assert.not.ok(
      labels.some((label) => label.includes('Batch')),
      'Q17: entries of a batch may fail one by one',
    )
    const stops = await toTierStops(windows.success, () => Promise.resolve(toStops(labels, first)))
    await explore(stops, (stop) => runWithKill(success, stop))
  },
  { exhaustive: 'partly' },
)

row(
  'P1: killed at some moments inside ffmpeg',
  async () => {
    const moments = pickCases(all ? [1, 2, 4, 6, 8, 10, 12, 15] : [1, 4, 8], (percent) => percent === 4)
    while (moments.length > 0) await Promise.all(moments.splice(0, 3).map(runWithKillInside))
  },
  { exhaustive: 'partly' },
)

/** In the isSelected run. */
const first = (label: string) => label.endsWith('#1')

/** @param percent of a film that runs for a minute: longer than any of them needs */
async function runWithKillInside(percent: number): Promise<void> {
  // an attempt that loses its lease before the moment comes begins anew: this lease is long enough to come there
  const more = toJobConfig({ leaseSeconds: 20, attempts: 9 })
  await using bench = await startBench({ code: slowCopyCode, chain: '[slowCopy(), upload()]', more })
  const { daemon } = bench.first
  await bench.upload(KEY, await tinyVideo())
  await until('ffmpeg is there', () => isAt(bench, percent), 120)
  await daemon.kill()
  await until('its ffmpeg is gone', () => findFfmpeg(bench).length === 0)
  await bench.openGate()
  await bench.start()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  await checkAttempts(bench, 2)
}

async function isAt(bench: Bench, percent: number): Promise<boolean> {
  const { plugin, percent: reached } = (await bench.document(KEY))?.progress ?? { plugin: null, percent: 0 }
  return plugin === 'slow-copy' && reached >= percent && findFfmpeg(bench).length > 0
}
