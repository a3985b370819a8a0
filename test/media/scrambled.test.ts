import { byRelease } from '../helpers/ffmpeg-version.ts'
import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { animatedImages, descrambled, scrambled } from './synthetic/scrambled.ts'
import { rejected, video } from './table.ts'

addRows(suite('copy protection'), {
  makers: scrambled,
  quick: ['fairplay.m4a'],
  rows: {
    ...Object.fromEntries(Object.keys(scrambled).map((name) => [name, rejected('input.encrypted')])),
    'css.vob': { ...rejected('input.encrypted', /marked as scrambled/), transcode: { onCorrupt: 'warn' } },
  },
})

addRows(suite('marks of copy protection that were left over'), {
  makers: descrambled,
  quick: ['marks-left.ts'],
  rows: { 'marks-left.ts': video(160, 90), 'marks-left.vob': video(320, 240) },
})

const animated = byRelease({
  '5.1': rejected('input.unsupported_codec', /an animated WebP image/),
  '9.0': video(160, 90, { audio: false }),
})

addRows(suite('animated WebP'), {
  makers: animatedImages,
  quick: ['animated.webp'],
  rows: { 'animated.webp': animated, 'transparent.webp': animated },
})
