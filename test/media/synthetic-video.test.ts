import * as assert from 'uvu/assert'
import { readColours } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { measure, readCombing } from './measure.ts'
import { addRows } from './rows.ts'
import { transparent, corners, oriented, interlaced, interlacedHevc, geometries } from './synthetic/video.ts'
import { video } from './table.ts'

const silent = { audio: false }
const similar = { ...silent, ssim: 0.97 }

addRows(suite('orientations'), {
  makers: oriented,
  quick: ['orientation-5.mp4'],
  rows: Object.fromEntries(
    Object.keys(oriented).map((name, n) => [name, n < 4 ? video(160, 96, similar) : video(96, 160, similar)]),
  ),
  async also({ name, result }) {
    const expected = corners[Number(/\d/.exec(name)?.[0])]
    for (const { path } of result?.outputs ?? []) assert.is(await readCorners(path), expected, path)
  },
})

addRows(suite('sizes and sample aspect ratios'), {
  makers: geometries,
  quick: ['wide-pixels-rotated.mp4'],
  rows: {
    'wide-pixels.mp4': video(256, 144, similar),
    'tall-pixels.mkv': video(80, 90, similar),
    'wide-pixels-rotated.mp4': video(96, 320, similar),
    'odd-161x121.mp4': video(160, 120, { ...similar, lumaOnly: true, reference: ['crop=160:120:0:0:exact=1'] }),
    'odd-width.mkv': video(160, 90, { ...similar, lumaOnly: true, reference: ['crop=160:90:0:0:exact=1'] }),
    'one-pixel.mkv': video(2, 2, silent),
    'strip-2x400.mkv': video(2, 400, silent),
  },
})

addRows(suite('transparency'), {
  makers: transparent,
  quick: ['loop.gif'],
  rows: Object.fromEntries(Object.keys(transparent).map((name) => [name, video(160, 90, silent)])),
  async also({ name, result }) {
    for (const { path } of result?.outputs ?? []) {
      const [[red, green, blue] = [0, 0, 0], background = [255]] = await readColours(path, [
        { x: 0.1, y: 0.4, size: 0.2 },
        { x: 0.7, y: 0.4, size: 0.2 },
      ])
      assert.ok(
        red > 200 && green < 60 && blue < 60,
        `${name}: the opaque part is ${[red, green, blue].join()}, expected red`,
      )
      assert.ok(Math.max(...background) < 40, `${name}: the transparent part is ${background.join()}, expected black`)
    }
  },
})

addRows(suite('interlaced video'), {
  makers: interlaced,
  quick: ['tff.mpg'],
  rows: {
    'tff.mpg': video(384, 288, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'bff.mpg': video(352, 288, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'tff-h264.mp4': video(320, 192, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'bff-h264.ts': video(320, 192, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'field-coded.mkv': video(320, 192, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'dnxhd.mov': video(1920, 1080, silent),
    'single-frame.mov': video(320, 192, silent),
    'progressive.mpg': video(320, 192, { ssim: 0.97 }),
  },
  async also({ name, path, result }) {
    if (name !== 'progressive.mpg')
      assert.ok((await readCombing(path)) > 2, `the source has combing: ${await readCombing(path)}`)
    const combing = await readCombing(result?.outputs[0]?.path ?? '')
    assert.ok(combing < 1, `combing is ${combing}`)
  },
})

addRows(suite('HEVC coded as fields'), {
  makers: interlacedHevc,
  quick: ['fields-tff.mp4'],
  rows: {
    'fields-tff.mp4': video(320, 192),
    'fields-bff.mkv': video(320, 192, silent),
    'fields-tff.ts': video(320, 192, silent),
  },
  async also({ result }) {
    const [{ path = '' } = {}, thumbnail] = result?.outputs ?? []
    const { packets, streams } = await measure(path)
    const times = packets.filter(({ stream_index }) => stream_index === streams[0]?.index).map((one) => one.ptsSeconds)
    const expected = Array.from({ length: 25 }, (_, n) => n / 25)
    const offsets = times.toSorted((a, b) => Number(a) - Number(b)).map((time, n) => Number(time) - (expected[n] ?? -1))
    assert.ok(offsets.length === 25 && offsets.every((offset) => Math.abs(offset) <= 0.002), `${times.join()}`)
    for (const image of [path, thumbnail?.path ?? '']) {
      const combing = await readCombing(image)
      assert.ok(combing < 1, `combing is ${combing}`)
    }
  },
})

/** Returns the colours of the corners, from the top left, line by line: R(ed), L(ime), B(lue), Y(ellow). */
async function readCorners(path: string): Promise<string> {
  const regions = [0.1, 0.7].flatMap((y) => [0.1, 0.7].map((x) => ({ x, y, size: 0.2 })))
  const colours = await readColours(path, regions)
  return colours
    .map(([red, green, blue]) => `${Number(red > 128)}${Number(green > 128)}${Number(blue > 128)}`)
    .map(toLetter)
    .join('')
}

function toLetter(bits: string): string {
  return { '100': 'R', '010': 'L', '001': 'B', '110': 'Y' }[bits] ?? '?'
}
