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
import {
  all,
  burial,
  checkAttempts,
  explore,
  findLabels,
  funeral,
  hideBriefly,
  isReached,
  KEY,
  perform,
  success,
  takeover,
} from './explore.ts'
import type { Play } from './explore.ts'
import { besides } from './rows.ts'
import { isInsideClaim, type Stop } from './stops.ts'

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

row('killed at any call of a takeover: the third daemon ends the job, once', async () => {
  const labels = await findLabels(takeover)
  await explore(toStops(labels, isSweeping), (stop) => runWithKill(takeover, stop))
})

row('killed at any call of a failure, a second attempt and a burial: dead all the same', async () => {
  const labels = await findLabels(burial)
  await explore(toStops(labels, isBurying), (stop) => runWithKill(burial, stop))
})

row('killed at any call of a burial by a sweeper: dead all the same', async () => {
  const labels = await findLabels(funeral)
  await explore(toStops(labels, isBurying), (stop) => runWithKill(funeral, stop))
})

row('P1: killed at some moments inside ffmpeg', async () => {
  const film = await filmOf(8)
  const moments = all ? [1, 10, 20, 30, 40, 50, 60, 70, 80, 90] : [5, 40, 65]
  while (moments.length > 0) await Promise.all(moments.splice(0, 3).map((percent) => runWithKillInside(film, percent)))
})

const first = (label: string) => label.endsWith('#1')
const isSweeping = (label: string) =>
  / DeleteMessage in-progress #1$|HEAD source|SendMessage work|GET document #1$/.test(label)
const isBurying = (label: string) =>
  /SendMessage dead|PUT document (?:dead|failed)|DeleteMessage in-progress/.test(label)

/** Before and after the call, or one of the two; of all calls or of those that the everyday run is to see. */
function toStops(labels: readonly string[], everyday: (label: string) => boolean): Stop[] {
  return labels
    .filter((label) => all || everyday(label))
    .flatMap((label, n): Stop[] => {
      const before: Stop = { label, when: 'before' }
      const after: Stop = { label, when: 'after' }
      if (label.includes('ReceiveMessage')) return [after] // before it is known to bring something, it is any poll
      return all ? [before, after] : [n % 2 === 0 ? before : after]
    })
}

/** False when the call never came. */
async function runWithKill(play: Play, stop: Stop): Promise<boolean> {
  await using bench = await startBench({ ...play.options, daemons: 0 })
  const performance = await perform(bench, play, { ...stop, act: ({ daemon }) => daemon.kill() })
  if (!(await isReached(bench, performance))) return false
  await bench.start(hideBriefly)
  await bench.quiescence(80)
  await bench.checkInvariants(play.expected)
  if (play === success) await checkAttempts(bench, isInsideClaim(stop) ? 2 : 1)
  return true
}

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
