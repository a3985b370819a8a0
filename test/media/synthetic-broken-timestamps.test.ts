import * as assert from 'uvu/assert'
import { byRelease } from '../helpers/ffmpeg-version.ts'
import { suite } from '../helpers/suite.ts'
import { measure, spanOf, streamOf } from './measure.ts'
import { addRows } from './rows.ts'
import { brokenTimestamps } from './synthetic/timestamps.ts'
import { video, rejected } from './table.ts'

const test = suite('invalid timestamps')

/** The original duration is 3.2 s. The intended timestamps are unknown, so only duration and frame count are checked. */
const ordinary = (...warnings: RegExp[]) => video(160, 90, { duration: [2.6, 3.5], warnings })

addRows(test, {
  makers: brokenTimestamps,
  quick: ['decreasing.mkv'],
  rows: {
    'jumping.mkv': ordinary(),
    'decreasing.mkv': ordinary(/frames dropped because of non-monotonic timestamps/, /lasts 2\.6/),
    'duplicate-timestamps.mkv': ordinary(),
    'below-zero.mkv': ordinary(),
    'negative.mkv': ordinary(/frames dropped because of non-monotonic timestamps/),
    'backwards.ts': ordinary(/frames dropped because of non-monotonic timestamps/),
    'no-timestamps.avi': ordinary(),
    'gap-in-the-middle.mkv': video(160, 90, { duration: [23, 23.5] }),
    // their timestamps end long before the duration in the header
    'all-zero.mkv': rejected('input.truncated'),
    // since 7.1 the muxer that makes the file reports the encoder's delay otherwise, and no audio is lost
    'constant-audio-timestamps.mkv': byRelease({ '5.1': ordinary(/the audio lasts 2/), '7.1': ordinary() }),
  },
  async also({ result }) {
    if (!result) return
    const output = await measure(result.outputs[0]?.path ?? '')
    const span = spanOf(output, streamOf(output, 'video')?.index ?? 0)
    assert.ok((span?.count ?? 0) > 10, 'most frames are kept')
  },
})
