import * as assert from 'uvu/assert'
import { readColours } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { readCombing } from './measure.ts'
import { addRows } from './rows.ts'
import { clears, corners, held8, interlaced, shapes } from './synthetic/pictures.ts'
import { film } from './table.ts'

const silent = { sound: false }
const similar = { ...silent, ssim: 0.97 }

addRows(suite('held in eight ways'), {
  makers: held8,
  quick: ['held-5.mp4'],
  rows: Object.fromEntries(
    Object.keys(held8).map((name, n) => [name, n < 4 ? film(160, 96, similar) : film(96, 160, similar)]),
  ),
  async also({ name, ran }) {
    const wanted = corners[Number(/\d/.exec(name)?.[0])]
    for (const { path } of ran?.outputs ?? []) assert.is(await readCorners(path), wanted, path)
  },
})

addRows(suite('sizes and pixels of all shapes'), {
  makers: shapes,
  quick: ['wide-pixels-turned.mp4', 'odd-161x121.mp4'],
  rows: {
    'wide-pixels.mp4': film(256, 144, similar),
    'tall-pixels.mkv': film(80, 90, similar),
    'wide-pixels-turned.mp4': film(96, 320, similar),
    'odd-161x121.mp4': film(160, 120, { ...similar, lightOnly: true, reference: ['crop=160:120:0:0:exact=1'] }),
    'odd-width.mkv': film(160, 90, { ...similar, lightOnly: true, reference: ['crop=160:90:0:0:exact=1'] }),
    'one-pixel.mkv': film(2, 2, silent),
    'strip-2x400.mkv': film(2, 400, silent),
  },
})

addRows(suite('transparent pictures'), {
  makers: clears,
  quick: ['loop.gif'],
  rows: Object.fromEntries(Object.keys(clears).map((name) => [name, film(160, 90, silent)])),
  async also({ name, ran }) {
    for (const { path } of ran?.outputs ?? []) {
      const [[red, green, blue] = [0, 0, 0], clear = [255]] = await readColours(path, [
        { x: 0.1, y: 0.4, size: 0.2 },
        { x: 0.7, y: 0.4, size: 0.2 },
      ])
      assert.ok(
        red > 200 && green < 60 && blue < 60,
        `${name}: what is opaque is red, not ${[red, green, blue].join()}`,
      )
      assert.ok(Math.max(...clear) < 40, `${name}: what is clear is black, not ${clear.join()}`)
    }
  },
})

addRows(suite('half-pictures'), {
  makers: interlaced,
  quick: ['tff.mpg', 'progressive.mpg'],
  rows: {
    'tff.mpg': film(384, 288, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'bff.mpg': film(352, 288, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'tff-h264.mp4': film(320, 192, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'bff-h264.ts': film(320, 192, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'field-coded.mkv': film(320, 192, { ...silent, ssim: 0.9, reference: ['yadif'] }),
    'progressive.mpg': film(320, 192, { ssim: 0.97 }),
  },
  async also({ name, path, ran }) {
    if (name !== 'progressive.mpg') assert.ok((await readCombing(path)) > 2, 'the source is combed')
    const combing = await readCombing(ran?.outputs[0]?.path ?? '')
    assert.ok(combing < 1, `lines differ by ${combing}`)
  },
})

/** The corners of a picture, from the top left, line by line: R(ed), L(ime), B(lue), Y(ellow). */
async function readCorners(path: string): Promise<string> {
  const places = [0.1, 0.7].flatMap((y) => [0.1, 0.7].map((x) => ({ x, y, size: 0.2 })))
  const colours = await readColours(path, places)
  return colours
    .map(([red, green, blue]) => `${Number(red > 128)}${Number(green > 128)}${Number(blue > 128)}`)
    .map(toLetter)
    .join('')
}

function toLetter(bits: string): string {
  return { '100': 'R', '010': 'L', '001': 'B', '110': 'Y' }[bits] ?? '?'
}
