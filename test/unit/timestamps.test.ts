import * as assert from 'uvu/assert'
import type { VideoStream } from '../../daemon/index.ts'
import {
  startsWithResult,
  toMaxRate,
  toExplicitRate,
  toStartOptions,
  toTimestampFilters,
  toTimestampOptions,
} from '../../plugins/transcode/timestamps.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('timestamps')

const rates = (framesPerSecond: number | null, maxFramesPerSecond: number | null = framesPerSecond) =>
  aVideo({ framesPerSecond, maxFramesPerSecond })
const ticks = (...given: Parameters<typeof rates>) =>
  toTimestampOptions(aProbe(), rates(...given), { container: 'mp4' })[3]
const filters = (video: VideoStream) => toTimestampFilters(video)
const starts = (video: number, audio: number, startSeconds = 0) =>
  aProbe({ startSeconds, video: aVideo({ startSeconds: video }), audio: anAudio({ startSeconds: audio }) })

test('limits implausible frame rates to 60 and keeps real ones', () => {
  assert.equal(
    [null, 30, 60, 119.88, 240, 1000, 90_000].map((rate) => toMaxRate(rates(rate))),
    [60, 60, 66, 132, 240, 60, 60],
  )
  assert.equal(filters(rates(30)), [])
  assert.match(filters(rates(30, 1000))[0] ?? '', 'select=')
  assert.match(filters(rates(null))[0] ?? '', 'gte(t-prev_selected_t,0.015000)')
})

test('sets the rate of the encoder only where ffmpeg would pass an implausible one', () => {
  assert.equal([rates(30), rates(30, 1000), rates(60, 90_000), rates(120), rates(40, 60)].map(toExplicitRate), [
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ])
  assert.equal([rates(30, 120), rates(100, 1000), rates(null)].map(toExplicitRate), [60, 111, 60])
})

test('chooses a time base with integer timestamps for constant and NTSC rates, 90,000 for all others', () => {
  assert.equal(
    [1, 24, 25, 60].map((rate) => ticks(rate)),
    ['1:16000', '1:24000', '1:25000', '1:60000'],
  )
  assert.equal(
    [24, 30, 60].map((rate) => ticks((rate * 1000) / 1001)),
    ['1:24000', '1:30000', '1:60000'],
  )
  assert.equal([ticks(13.3), ticks(25, 1000), ticks(null), ticks(1000)], ['1:90000', '1:90000', '1:90000', '1:90000'])
  assert.is(toTimestampOptions(aProbe(), rates(25), { container: 'mkv' })[3], '1:1000')
})

test('the selected tracks start at 0, even when another stream starts earlier', () => {
  assert.equal(toStartOptions(starts(0, 0)), [])
  assert.equal(toStartOptions(starts(1.4, 1.44, 1.4)), [])
  assert.equal(toStartOptions(starts(12, 10)), ['-itsoffset', '-10.000000'])
  const late = starts(0.5, 0)
  assert.equal([startsWithResult(late, late.video ?? {}), startsWithResult(late, late.audio ?? {})], [false, true])
})
