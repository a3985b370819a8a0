import { byRelease } from '../helpers/ffmpeg-version.ts'
import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { pixelFormats } from './synthetic/video.ts'
import { video } from './table.ts'

const test = suite('pixel formats')
const silent = { audio: false }

addRows(test, {
  makers: pixelFormats,
  quick: ['422-10bit.mp4'],
  rows: {
    '420-10bit.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
    '422.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
    '422-10bit.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
    '444.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
    '444-10bit.mkv': video(160, 90, { ...silent, ssim: 0.97 }),
    'grey.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
    'grey-10bit.mkv': video(160, 90, { ...silent, ssim: 0.97 }),
    'rgb.mkv': video(160, 90, { ...silent, ssim: 0.92 }),
    'rgb48.mkv': video(160, 90, { ...silent, ssim: 0.95 }),
    'full-range.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
    // ffmpeg 9.0 keeps the full range of the reference unless told otherwise, and 5.1 converts it twice when told
    'mjpeg.mov': video(160, 90, {
      ...silent,
      ssim: 0.97,
      reference: byRelease({ '5.1': [], '9.0': ['scale=out_range=tv'] }),
    }),
    '12bit.mov': video(160, 90, { ...silent, ssim: 0.97 }),
    'animation.mov': video(160, 90, { ...silent, ssim: 0.92 }),
    'one-bit.mov': video(160, 90, { ...silent, ssim: 0.97 }),
    '411.dv': video(640, 480, { ...silent, ssim: 0.95 }),
  },
})
