import * as assert from 'uvu/assert'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { paceCode } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { findFfmpeg } from './scene.ts'
import { all, explore, findLabels, hideBriefly, isReached, job, startWith } from './explore.ts'
import { isInsideClaim, type Stop } from './stops.ts'

const test = suite('crash', { timeoutSeconds: all ? 3500 : 280 })

test('killed at any of its network calls: the next daemon ends the job, once', async () => {
  const labels = await findLabels()
  assert.ok(labels.length >= 20, `only ${labels.length} calls: ${labels.join(', ')}`)
  const stops = (all ? labels : labels.filter((label) => label.endsWith('#1'))).flatMap(toStops)
  const missed = await explore(stops, runWithKill)
  // a sweep falls between two other calls by chance: some runs have one more or fewer
  assert.ok(missed.length <= stops.length / 5, `not reached: ${missed.join('; ')}`)
})

test('killed at three moments inside ffmpeg', async () => {
  const film = await filmOf(8)
  await Promise.all([5, 40, 65].map((percent) => runWithKillInside(film, percent)))
})

/** Before and after the call, or one of the two. */
function toStops(label: string, n: number): Stop[] {
  const after: Stop = { label, when: 'after' }
  if (label.includes('ReceiveMessage')) return [after] // before it is known to bring something, it is any poll
  const before: Stop = { label, when: 'before' }
  return all ? [before, after] : [n % 2 === 0 ? before : after]
}

/** False when the call never came. */
async function runWithKill(stop: Stop): Promise<boolean> {
  await using bench = await startBench({ ...job, daemons: 0 })
  const first = await startWith(bench, { ...stop, act: (member) => member.daemon.kill() })
  if (!(await isReached(bench, first))) return false
  await bench.start(hideBriefly)
  await bench.quiescence(80)
  await bench.checkInvariants()
  const document = await bench.document('origin_a.mp4')
  assert.is(document?.attempt, isInsideClaim(stop) ? 2 : 1, 'attempts')
  return true
}

async function runWithKillInside(film: Buffer, percent: number): Promise<void> {
  await using bench = await startBench({ code: paceCode, chain: '[pace(), upload()]' })
  const { daemon } = bench.first
  await bench.upload('origin_a.mp4', film)
  await until(
    'ffmpeg is there',
    async () => {
      const { plugin, percent: reached } = (await bench.document('origin_a.mp4'))?.progress ?? {
        plugin: '',
        percent: 0,
      }
      return plugin === 'pace' && reached >= percent && findFfmpeg(bench).length > 0
    },
    40,
  )
  await daemon.kill()
  await until('its ffmpeg is gone', () => findFfmpeg(bench).length === 0, 5)
  await bench.start()
  await bench.quiescence(80)
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 2)
}

async function filmOf(seconds: number): Promise<Buffer> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'film.mp4')
  await makeVideo(path, { seconds })
  return await readFile(path)
}
