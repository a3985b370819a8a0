import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { addRows, type Table } from './rows.ts'
import { readSignals, toDrift } from './sync.ts'
import { announcedAudio, announcedVideo, streamedAudio } from './synthetic/announced.ts'
import { audioOnly, video } from './table.ts'

/** Checks that flashes and beeps coincide, and how many there are. */
const checkSignals =
  (counts: Readonly<Record<string, number>>): NonNullable<Table['also']> =>
  async ({ name, result }) => {
    const found = await readSignals(result?.outputs[0]?.path ?? '')
    assert.is(found.flashes.length, counts[name] ?? 2)
    assert.ok(toDrift(found) <= 0.05, JSON.stringify(found))
  }

addRows(suite('audio with a placeholder for its size'), {
  makers: streamedAudio,
  quick: ['size-of-sox.wav'],
  rows: Object.fromEntries(Object.keys(streamedAudio).map((name) => [name, audioOnly({ duration: [0.95, 1.05] })])),
})

addRows(suite('audio that starts anywhere'), {
  makers: announcedAudio,
  quick: ['from-an-hour.opus'],
  rows: Object.fromEntries(Object.keys(announcedAudio).map((name) => [name, audioOnly({ duration: [0.95, 1.12] })])),
})

const duration = [1.9, 2.15] as const

addRows(suite('video whose header is wrong'), {
  makers: announcedVideo,
  quick: ['from-an-hour.flv'],
  rows: {
    ...Object.fromEntries(Object.keys(announcedVideo).map((name) => [name, video(160, 90, { duration })])),
    'clock-ahead.mpg': video(160, 90, { duration: [3.9, 4.2] }),
    'absurd-audio-length.avi': video(160, 90, { duration, warnings: [/the audio lasts 2.* that the file declares/] }),
    'absurd-last-duration.mkv': video(160, 90, { duration, warnings: [/the video lasts 2.* that the file declares/] }),
  },
  also: checkSignals({ 'clock-ahead.mpg': 4 }),
})
