import * as assert from 'uvu/assert'
import { parseLoudness, toLoudnessFilters } from '../../plugins/transcode/loudness.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('loudness')

const report = (frame: number, seconds: number, values: Record<string, string>) =>
  [
    `frame:${frame}    pts:${seconds * 48_000} pts_time:${seconds}`,
    ...Object.entries(values).map(([key, value]) => `lavfi.r128.${key}=${value}`),
  ].join('\n')
const values = { I: '-21.762', LRA: '3.100', true_peak: '0.5' }

test('returns the last report', () => {
  const text = [report(58, 5.8, { ...values, I: '-30' }), report(59, 5.9, values), ''].join('\n')
  const measured = parseLoudness(text)
  assert.equal([measured?.integrated, measured?.range, measured?.peak.toFixed(2)], [-21.762, 3.1, '-6.02'])
})

test('returns null for silence, an empty file and an incomplete measurement', () => {
  assert.is(parseLoudness(report(59, 5.9, { ...values, I: '-70.000' })), null)
  assert.is(parseLoudness(report(59, 5.9, { ...values, I: 'nan' })), null)
  assert.is(parseLoudness(''), null)
  assert.is(parseLoudness(report(79, 15.909, values)), null)
})

test('the second pass uses the measurements of the first', () => {
  const [filter, rate] = toLoudnessFilters({ integrated: -21.8, range: 3.1, peak: -6.02 }, -16)
  assert.is(
    filter,
    'loudnorm=I=-16:TP=-1.5:LRA=7:measured_I=-21.8:measured_TP=-6.02:measured_LRA=3.1:measured_thresh=-31.80:linear=true',
  )
  assert.is(rate, 'aresample=48000')
})
