import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { JobLimits } from '../../daemon/config/limits.ts'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { makeVideo } from '../helpers/media.ts'
import { openFileBench, type FileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { pixelBombs, silence, streamBombs, timeBombs } from './synthetic/bombs.ts'
import { refused, soundOnly } from './table.ts'

// that a refusal takes no long work is seen by the timeout
addRows(suite('pixel bombs'), {
  makers: pixelBombs,
  quick: ['bomb-65k.jpg'],
  rows: Object.fromEntries(Object.keys(pixelBombs).map((name) => [name, refused('input.too_many_pixels')])),
})

addRows(suite('stream bombs'), {
  makers: streamBombs,
  quick: ['streams-1000.mkv'],
  rows: {
    'streams-100.mkv': soundOnly({ warnings: [/tracks left out: .* and \d+ more/] }),
    'streams-1000.mkv': refused('input.too_many_streams', /more than 200 streams/),
  },
})

addRows(suite('time bombs'), {
  makers: timeBombs,
  quick: ['week.gif'],
  rows: Object.fromEntries(Object.keys(timeBombs).map((name) => [name, refused('resource.limit')])),
})

const test = suite('limits')

let bench: FileBench
let film: string
test.before(async () => {
  bench = await openFileBench()
  film = join(bench.folder, 'film.mp4')
  await makeVideo(film, { seconds: 4, width: 320, height: 180 })
})
test.after(async () => bench[Symbol.asyncDispose]())

const limited: Readonly<Record<string, { limits: Partial<JobLimits>; code: string; says: RegExp }>> = {
  'bytes of the source': { limits: { sourceBytes: 1000 }, code: 'input.too_large', says: /1000/ },
  pixels: { limits: { pixels: 320 * 179 }, code: 'input.too_many_pixels', says: /320x180|57280/ },
  streams: { limits: { streams: 1 }, code: 'input.too_many_streams', says: /more than 1 / },
  seconds: { limits: { durationSeconds: 1 }, code: 'resource.limit', says: /limits\.durationSeconds/ },
  pictures: { limits: { frames: 20 }, code: 'resource.limit', says: /limits\.frames/ },
  'bytes of results': { limits: { outputBytes: 5000 }, code: 'resource.limit', says: /limits\.outputBytes/ },
  'bytes of the workspace': {
    limits: { workspaceBytes: 5000 },
    code: 'resource.limit',
    says: /limits\.workspaceBytes/,
  },
  'seconds of work': { limits: { wallSeconds: 0.01 }, code: 'resource.limit', says: /limits\.wallSeconds/ },
}

for (const [what, { limits, code, says }] of Object.entries(limited)) {
  const add = /^(?:pictures|bytes of the workspace)$/.test(what) ? test.exhaustive : test
  add(`${what}: ${code}`, async () => {
    for (const copy of ['auto', 'never'] as const) {
      const ran = await bench.run(film, [transcode({ preset: 'ultrafast', copy }), upload()], limits)
      if (ran.ok) throw new Error(`came out, copy: ${copy}`)
      assert.equal([ran.code, ran.verdict], [code, 'reject'])
      assert.match(ran.message, says)
    }
  })
}

test('an hour of nothing in a few kilobytes ends at the first minute that is too much', async () => {
  const path = join(bench.folder, 'silence.flac')
  await silence(path)
  const ran = await bench.run(path, [transcode(), upload()], { durationSeconds: 60 })
  assert.equal(ran.ok ? 'came out' : [ran.code, ran.verdict], ['resource.limit', 'reject'])
})

test('what is within all limits comes out', async () => {
  const limits = { pixels: 320 * 180, streams: 2, durationSeconds: 5, frames: 101 }
  const ran = await bench.run(film, [transcode({ preset: 'ultrafast', copy: 'never' }), thumbnail(), upload()], limits)
  assert.ok(ran.ok, ran.ok ? '' : `${ran.code}: ${ran.message}`)
})

test('memory: ffmpeg ends for want of it, the job is tried again, and this process lives', async () => {
  await using narrow = await openFileBench({ memoryBytes: 400 * 2 ** 20 })
  const bomb = join(bench.folder, 'bomb.mp4')
  await pixelBombs['bomb-8k.mp4']?.(bomb)
  const copy = join(narrow.folder, 'bomb.mp4')
  await copyFile(bomb, copy)
  const ran = await narrow.run(copy, [transcode({ preset: 'ultrafast', copy: 'never' })], { pixels: 2 ** 30 })
  assert.equal(ran.ok ? 'came out' : [ran.code, ran.verdict], ['resource.memory', 'retry'])
})
