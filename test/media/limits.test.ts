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
import { rejected, audioOnly } from './table.ts'

// the timeout checks that a rejection is fast
addRows(suite('pixel bombs'), {
  makers: pixelBombs,
  quick: ['bomb-65k.jpg'],
  rows: Object.fromEntries(Object.keys(pixelBombs).map((name) => [name, rejected('input.too_many_pixels')])),
})

addRows(suite('stream bombs'), {
  makers: streamBombs,
  quick: ['streams-1000.mkv'],
  rows: {
    'streams-100.mkv': audioOnly({ warnings: [/tracks left out: .* and \d+ more/] }),
    'streams-1000.mkv': rejected('input.too_many_streams', /more than 200 streams/),
  },
})

addRows(suite('time bombs'), {
  makers: timeBombs,
  quick: ['week.gif'],
  rows: Object.fromEntries(Object.keys(timeBombs).map((name) => [name, rejected('resource.limit')])),
})

const test = suite('limits')

let bench: FileBench
let video: string
test.before(async () => {
  bench = await openFileBench()
  video = join(bench.folder, 'video.mp4')
  await makeVideo(video, { seconds: 4, width: 320, height: 180 })
})
test.after(async () => bench[Symbol.asyncDispose]())

const limited: Readonly<Record<string, { limits: Partial<JobLimits>; code: string; message: RegExp }>> = {
  'bytes of the source': { limits: { sourceBytes: 1000 }, code: 'input.too_large', message: /1000/ },
  pixels: { limits: { pixels: 320 * 179 }, code: 'input.too_many_pixels', message: /320x180|57280/ },
  streams: { limits: { streams: 1 }, code: 'input.too_many_streams', message: /more than 1 / },
  seconds: { limits: { durationSeconds: 1 }, code: 'resource.limit', message: /limits\.durationSeconds/ },
  frames: { limits: { frames: 20 }, code: 'resource.limit', message: /limits\.frames/ },
  'bytes of outputs': { limits: { outputBytes: 5000 }, code: 'resource.limit', message: /limits\.outputBytes/ },
  'bytes of the workspace': {
    limits: { workspaceBytes: 5000 },
    code: 'resource.limit',
    message: /limits\.workspaceBytes/,
  },
  'seconds of processing': { limits: { wallSeconds: 0.01 }, code: 'resource.limit', message: /limits\.wallSeconds/ },
}

for (const [limit, { limits, code, message }] of Object.entries(limited)) {
  const add = /^(?:bytes of the source|seconds|bytes of outputs)$/.test(limit) ? test : test.exhaustive
  add(`rejects a file over the limit of ${limit}: ${code}`, async () => {
    for (const copy of ['auto', 'never'] as const) {
      const result = await bench.run(video, [transcode({ preset: 'ultrafast', copy }), upload()], limits)
      if (result.ok) throw new Error(`accepted, copy: ${copy}`)
      assert.equal([result.code, result.verdict], [code, 'reject'])
      assert.match(result.message, message)
    }
  })
}

test('rejects an hour of silence in a few kilobytes when it exceeds the duration limit', async () => {
  const path = join(bench.folder, 'silence.flac')
  await silence(path)
  const result = await bench.run(path, [transcode(), upload()], { durationSeconds: 60 })
  assert.equal(result.ok ? 'accepted' : [result.code, result.verdict], ['resource.limit', 'reject'])
})

test('accepts a file within all limits', async () => {
  const limits = { pixels: 320 * 180, streams: 2, durationSeconds: 5, frames: 101 }
  const result = await bench.run(
    video,
    [transcode({ preset: 'ultrafast', copy: 'never' }), thumbnail(), upload()],
    limits,
  )
  assert.ok(result.ok, result.ok ? '' : `${result.code}: ${result.message}`)
})

test('retries a job whose ffmpeg runs out of memory, and survives it', async () => {
  await using narrow = await openFileBench({ memoryBytes: 400 * 2 ** 20 })
  const bomb = join(bench.folder, 'bomb.mp4')
  await pixelBombs['bomb-8k.mp4']?.(bomb)
  const copy = join(narrow.folder, 'bomb.mp4')
  await copyFile(bomb, copy)
  const result = await narrow.run(copy, [transcode({ preset: 'ultrafast', copy: 'never' })], { pixels: 2 ** 30 })
  assert.equal(result.ok ? 'accepted' : [result.code, result.verdict], ['resource.memory', 'retry'])
})
