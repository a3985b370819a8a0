import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { createFractions, parseProgress } from '../../daemon/ffmpeg/progress.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('ffmpeg-progress')

const report = (microseconds: string, end = 'continue') =>
  `frame=12\nfps=25.00\ntotal_size=4096\nout_time_us=${microseconds}\nout_time_ms=${microseconds}\nout_time=00:00:01.5\nspeed=2x\nprogress=${end}\n`

test('returns the last report', () => {
  const progress = parseProgress(report('500000') + report('1500000', 'end'))
  assert.equal(progress, { outSeconds: 1.5, frame: 12, droppedFrames: null, totalSizeBytes: 4096 })
})

test('returns null for N/A, missing and invalid values', () => {
  assert.is(parseProgress(report('N/A')).outSeconds, null)
  assert.is(parseProgress(report('-9223372036854775808')).outSeconds, null)
  assert.equal(parseProgress(''), { outSeconds: null, frame: null, droppedFrames: null, totalSizeBytes: null })
  assert.equal(parseProgress('frame=1e9\ntotal_size=\n'), {
    outSeconds: null,
    frame: null,
    droppedFrames: null,
    totalSizeBytes: null,
  })
})

test('returns 0 for a negative time', () => assert.is(parseProgress(report('-23000')).outSeconds, 0))

test('ignores an incomplete last line', () => {
  assert.is(parseProgress('out_time_us=1000000\nout_time_us=12').outSeconds, 1)
})

test('returns only reported times, wherever the text starts and ends', () => {
  const text = report('1000000') + report('2000000') + report('3000000')
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(text.length), (a, b) => {
      const { outSeconds } = parseProgress(text.slice(Math.min(a, b), Math.max(a, b)))
      assert.ok([null, 1, 2, 3].includes(outSeconds))
    }),
  )
})

test('fractions only increase, and stay below 1', () => {
  const toFraction = createFractions(10)
  assert.equal([0, 2, 1, 2, 5, null, 99, 100].map(toFraction), [null, 0.2, null, null, 0.5, null, 0.99, null])
})

test('returns no fractions without a duration', () => {
  assert.is(createFractions(null)(5), null)
  assert.is(createFractions(0)(5), null)
  assert.is(createFractions(Number.NaN)(5), null)
})
