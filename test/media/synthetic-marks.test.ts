import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { byRelease, isOfRelease } from '../helpers/ffmpeg-version.ts'
import { readColour } from '../helpers/media.ts'
import { openFileBench, type FileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { panoramas, withoutDuration } from './synthetic/marks.ts'
import { stills } from './synthetic/stills.ts'
import { video } from './table.ts'

const lostStereo = /not marked as stereo \(top and bottom\) video/
const lost = /the result is not marked as 360° \(equirectangular\)/

addRows(suite('marks of 360° and stereo video'), {
  makers: panoramas,
  quick: ['panorama.mp4'],
  rows: {
    'panorama.mp4': video(160, 90),
    'panorama.mkv': video(160, 90),
    // newer muxers write the mark of stereo video without its kind
    'stereo-panorama.mp4': byRelease({ '5.1': video(160, 90), '7.1': video(160, 90, { warnings: [lostStereo] }) }),
  },
  async also({ name, path, result, bench }) {
    const isStereo = name.startsWith('stereo')
    const copied = await readMarks(bench, result?.outputs[0]?.path ?? '')
    assert.is(copied[0], 'equirectangular', name)
    assert.is(copied[1], isStereo && isOfRelease('5.1') ? 'top and bottom' : undefined, name)
    const run = async (options: Parameters<typeof transcode>[0]) => {
      const again = await bench.run(path, [transcode({ preset: 'ultrafast', copy: 'never', ...options }), upload()])
      if (!again.ok) throw new Error(`${again.code}: ${again.message}`)
      return { warnings: again.warnings.join(), marks: await readMarks(bench, again.outputs[0]?.path ?? '') }
    }
    const encoded = await run({})
    assert.is(encoded.marks[0], 'equirectangular', name)
    const scaled = await run({ maxWidth: 80 })
    // the scaler of ffmpeg 9.0 drops the projection
    if (isOfRelease('9.0')) assert.match(scaled.warnings, lost)
    else assert.is(scaled.marks[0], 'equirectangular', name)
    const cropped = await run({ maxWidth: 80, maxHeight: 80, fit: 'cover' })
    assert.match(cropped.warnings, lost)
    assert.is(cropped.marks[0], undefined, name)
  },
})

async function readMarks(bench: FileBench, path: string): Promise<(string | undefined)[]> {
  const result = await bench.inspect(path)
  const found = result.ok ? result.probe?.video : null
  return [found?.projection, found?.stereo]
}

addRows(suite('sources without a duration'), {
  makers: withoutDuration,
  quick: ['live.webm'],
  rows: Object.fromEntries(
    Object.keys(withoutDuration).map((name) => [name, video(160, 90, { audio: false, duration: [2.9, 3.1] })]),
  ),
  async also({ name, result }) {
    const image = result?.outputs.find(({ kind }) => kind === 'thumbnail')
    const [red] = await readColour(image?.path ?? '', { x: 0.2, y: 0.2, size: 0.5 })
    assert.ok(red > 200, `${name}: the frame at 10 % of 3 s is red, red is ${red}`)
  },
})

/** The image's colour, red 200, green 100 and blue 50, in sRGB: computed from the definitions of the profiles. */
const colours: Readonly<Record<string, readonly number[]>> = {
  p3: [215, 93, 30],
  adobe: [227, 100, 42],
  srgb: [200, 100, 50],
}

const images = suite('images with a colour profile')
let bench: FileBench
images.before(async () => {
  bench = await openFileBench()
})
images.after(async () => bench[Symbol.asyncDispose]())

for (const [name, make] of Object.entries(stills)) {
  const add = name === 'p3.jpg' ? images : images.exhaustive
  add(`converts ${name} to sRGB`, async () => {
    const path = join(bench.folder, name)
    await make(path)
    const result = await bench.run(path, [thumbnail({ format: 'png' }), upload()])
    if (!result.ok) throw new Error(`${result.code}: ${result.message}`)
    const image = result.outputs[0]?.path ?? ''
    const colour = await readColour(image, { x: 0.2, y: 0.2, size: 0.5 })
    const expected = colours[name.split('.')[0] ?? ''] ?? []
    const difference = Math.max(...colour.map((value, n) => Math.abs(value - (expected[n] ?? 0))))
    assert.ok(difference <= 4, `${name}: ${colour.join()}, expected ${expected.join()}`)
    if (name !== 'srgb.jpg') assert.not.match(await readFile(image, 'latin1'), /iCCP/)
  })
}
