import * as assert from 'uvu/assert'
import type { VideoStream } from '../../daemon/index.ts'
import {
  beginsWithResult,
  toMaxRate,
  toOwnRate,
  toStartOptions,
  toTimeFilters,
  toTimeOptions,
} from '../../plugins/transcode/timestamps.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('time')

const rates = (framesPerSecond: number | null, maxFramesPerSecond: number | null = framesPerSecond) =>
  aVideo({ framesPerSecond, maxFramesPerSecond })
const ticks = (...given: Parameters<typeof rates>) => toTimeOptions(aProbe(), rates(...given), { container: 'mp4' })[3]
const filters = (video: VideoStream) => toTimeFilters(video)
const starts = (video: number, audio: number, startSeconds = 0) =>
  aProbe({ startSeconds, video: aVideo({ startSeconds: video }), audio: anAudio({ startSeconds: audio }) })

test('rates that nobody can mean are cut to 60, real ones are kept', () => {
  assert.equal(
    [null, 30, 60, 119.88, 240, 1000, 90_000].map((rate) => toMaxRate(rates(rate))),
    [60, 60, 66, 132, 240, 60, 60],
  )
  assert.equal(filters(rates(30)), [])
  assert.match(filters(rates(30, 1000))[0] ?? '', 'select=')
  assert.match(filters(rates(null))[0] ?? '', 'gte(t-prev_selected_t,0.015000)')
})

test('an encoder gets its own rate only where ffmpeg does not find a credible one', () => {
  assert.equal([rates(30), rates(30, 1000), rates(60, 90_000), rates(120), rates(40, 60)].map(toOwnRate), [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  assert.equal([rates(30, 120), rates(100, 1000), rates(null)].map(toOwnRate), [60, 111, 60])
})

test('times are whole in ticks: of steady rates and of their NTSC sisters, finely for all others', () => {
  assert.equal(
    [1, 24, 25, 60].map((rate) => ticks(rate)),
    ['1:16000', '1:24000', '1:25000', '1:60000'],
  )
  assert.equal(
    [24, 30, 60].map((rate) => ticks((rate * 1000) / 1001)),
    ['1:24000', '1:30000', '1:60000'],
  )
  assert.equal([ticks(13.3), ticks(25, 1000), ticks(null), ticks(1000)], ['1:90000', '1:90000', '1:90000', '1:90000'])
  assert.is(toTimeOptions(aProbe(), rates(25), { container: 'mkv' })[3], '1:1000')
})

test('the chosen streams begin at 0, whatever else begins earlier', () => {
  assert.equal(toStartOptions(starts(0, 0)), [])
  assert.equal(toStartOptions(starts(1.4, 1.44, 1.4)), [])
  assert.equal(toStartOptions(starts(12, 10)), ['-itsoffset', '-10.000000'])
  const late = starts(0.5, 0)
  assert.equal([beginsWithResult(late, late.video ?? {}), beginsWithResult(late, late.audio ?? {})], [false, true])
})
