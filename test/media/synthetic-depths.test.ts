import { suite } from '../helpers/suite.ts'
import { addRows } from './rows.ts'
import { depths } from './synthetic/pictures.ts'
import { film } from './table.ts'

const test = suite('synthetic depths')
const silent = { sound: false }

addRows(test, {
  makers: depths,
  quick: ['422-10bit.mp4', 'rgb.mkv', 'full-range.mp4'],
  rows: {
    '420-10bit.mp4': film(160, 90, { ...silent, ssim: 0.97 }),
    '422.mp4': film(160, 90, { ...silent, ssim: 0.97 }),
    '422-10bit.mp4': film(160, 90, { ...silent, ssim: 0.97 }),
    '444.mp4': film(160, 90, { ...silent, ssim: 0.97 }),
    '444-10bit.mkv': film(160, 90, { ...silent, ssim: 0.97 }),
    'grey.mp4': film(160, 90, { ...silent, ssim: 0.97 }),
    'grey-10bit.mkv': film(160, 90, { ...silent, ssim: 0.97 }),
    'rgb.mkv': film(160, 90, { ...silent, ssim: 0.92 }),
    'rgb48.mkv': film(160, 90, { ...silent, ssim: 0.95 }),
    'full-range.mp4': film(160, 90, { ...silent, ssim: 0.97 }),
    'mjpeg.mov': film(160, 90, { ...silent, ssim: 0.97 }),
    '12bit.mov': film(160, 90, { ...silent, ssim: 0.97 }),
    'animation.mov': film(160, 90, { ...silent, ssim: 0.92 }),
    'one-bit.mov': film(160, 90, { ...silent, ssim: 0.97 }),
    '411.dv': film(640, 480, { ...silent, ssim: 0.95 }),
  },
})
