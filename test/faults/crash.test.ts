import * as assert from 'uvu/assert'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { paceCode } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { findFfmpeg, type Bench } from './scene.ts'
import { all, checkAttempts, explore, findLabels, KEY, success } from './explore.ts'
import { runWithKill, toStops } from './kills.ts'
import { besides } from './rows.ts'

const row = besides(suite('crash', { timeoutSeconds: all ? 1800 : 250 }))

row('P2: killed at any of its network calls: the next daemon ends the job, once', async () => {
  const labels = await findLabels(success)
  assert.ok(labels.length >= 20, `only ${labels.length} calls: ${labels.join(', ')}`)
  assert.not.ok(
    labels.some((label) => label.includes('Batch')),
    'Q17: entries of a batch may fail one by one',
  )
  await explore(toStops(labels, first), (stop) => runWithKill(success, stop))
})

row('P1: killed at some moments inside ffmpeg', async () => {
  const film = await filmOf(8)
  const moments = all ? [1, 10, 20, 30, 40, 50, 60, 70] : [5, 40, 65]
  while (moments.length > 0) await Promise.all(moments.splice(0, 3).map((percent) => runWithKillInside(film, percent)))
})

/** In the everyday run. */
const first = (label: string) => label.endsWith('#1')

async function runWithKillInside(film: Buffer, percent: number): Promise<void> {
  await using bench = await startBench({ ...success.options, code: paceCode, chain: '[pace(), upload()]' })
  const { daemon } = bench.first
  await bench.upload(KEY, film)
  await until('ffmpeg is there', () => isAt(bench, percent), 40)
  await daemon.kill()
  await until('its ffmpeg is gone', () => findFfmpeg(bench).length === 0, 5)
  await bench.start()
  await bench.quiescence(80)
  await bench.checkInvariants(success.expected)
  await checkAttempts(bench, 2)
}

async function isAt(bench: Bench, percent: number): Promise<boolean> {
  const { plugin, percent: reached } = (await bench.document(KEY))?.progress ?? { plugin: null, percent: 0 }
  return plugin === 'pace' && reached >= percent && findFfmpeg(bench).length > 0
}

async function filmOf(seconds: number): Promise<Buffer> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'film.mp4')
  await makeVideo(path, { seconds })
  return await readFile(path)
}
