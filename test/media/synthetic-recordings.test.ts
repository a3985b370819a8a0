import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { measure, spanOf } from './measure.ts'
import { addRows, type Table } from './rows.ts'
import { readPitch, readSignals, toDrift } from './sync.ts'
import { joinedStreams, lateStarts, programs, slides } from './synthetic/recordings.ts'
import { rejected, video } from './table.ts'

/** Checks that flashes and beeps coincide, and that both tracks start at 0. */
const checkSignals =
  (count: number): NonNullable<Table['also']> =>
  async ({ result }) => {
    const path = result?.outputs[0]?.path ?? ''
    const found = await readSignals(path)
    assert.is(found.flashes.length, count)
    assert.ok(toDrift(found) <= 0.05, JSON.stringify(found))
    const measured = await measure(path)
    const starts = measured.streams.map(({ index }) => spanOf(measured, index)?.first ?? Number.NaN)
    assert.ok(Math.max(...starts) <= 0.05, `tracks start at ${starts.join()}`)
  }

addRows(suite('recordings that start before their first frame or their audio'), {
  makers: lateStarts,
  quick: ['starts-inside-gop.ts'],
  rows: {
    'starts-inside-gop.ts': video(160, 90, { duration: [3, 5] }),
    'starts-inside-gop-hevc.ts': video(160, 90, { duration: [3, 5] }),
    // the recording starts inside a packet of audio
    'starts-inside-gop-mpeg2.mpg': video(160, 90, { duration: [3, 5], warnings: [/1 of about \d+ audio packets/] }),
    'long-wait-for-key.ts': video(160, 90, { duration: [9, 12.3] }),
    'audio-after-nine-seconds.mpg': video(160, 90, { duration: [11.8, 12.3] }),
    'audio-after-nine-seconds.ts': video(160, 90, { duration: [11.8, 12.3] }),
    'video-after-nine-seconds.ts': video(160, 90, { duration: [11.8, 12.3] }),
  },
  also: checkSignals(2),
})

addRows(suite('slide shows'), {
  makers: slides,
  rows: { 'slides.ts': video(160, 90, { duration: [35.8, 39.2] }) },
  async also({ result }) {
    const { frames } = await measure(result?.outputs[0]?.path ?? '')
    const starts = frames.filter(({ stream_index }) => stream_index === 0).map(({ seconds }) => Math.round(seconds))
    assert.equal(starts, [0, 12, 24])
  },
})

addRows(suite('joined streams'), {
  makers: joinedStreams,
  quick: ['ad-then-stream.ts'],
  rows: {
    'ad-then-stream.ts': video(160, 90, { duration: [4.9, 5.3] }),
    'same-rate.ts': video(160, 90, { duration: [3.9, 4.2] }),
  },
  also: checkSignals(4),
})

addRows(suite('programs'), {
  makers: programs,
  quick: ['map-changes.ts'],
  rows: {
    'map-changes.ts': rejected('input.truncated', /program map changes mid-stream/),
    'map-changes-for-audio.ts': rejected('input.truncated', /program map changes mid-stream/),
    'two-programs.ts': video(160, 90, {
      duration: [1.9, 2.2],
      warnings: [/tracks left out: 0 .*: part of another program\), 1 .*: part of another program/],
    }),
  },
  async also({ result }) {
    if (!result) return
    const pitch = await readPitch(result.outputs[0]?.path ?? '')
    assert.ok(Math.abs(pitch - 440) < 5, `the audio is that of the chosen video: ${pitch} Hz`)
  },
})
