import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { measure, spanOf, streamOf } from './measure.ts'
import { addRows } from './rows.ts'
import { broken } from './synthetic/times.ts'
import { film, refused } from './table.ts'

const test = suite('broken times')

/** These were 3.2 s once. Nobody can say which times are meant: what counts is that nothing stands still, or is lost. */
const ordinary = (...warnings: RegExp[]) => film(160, 90, { lasts: [2.6, 3.5], warnings })

addRows(test, {
  makers: broken,
  quick: ['falling.mkv', 'all-zero.mkv', 'gap-in-the-middle.mkv'],
  rows: {
    'jumping.mkv': ordinary(),
    'falling.mkv': ordinary(/pictures were left out: their times/, /lasts 2\.6/),
    'same-times.mkv': ordinary(),
    'below-zero.mkv': ordinary(),
    'negative.mkv': ordinary(/pictures were left out: their times/),
    'backwards.ts': ordinary(/pictures were left out: their times/),
    'no-times.avi': ordinary(),
    'gap-in-the-middle.mkv': film(160, 90, { lasts: [23, 23.5] }),
    // as their times stand, they end long before their headers say
    'all-zero.mkv': refused('input.truncated'),
    'sound-stands-still.mkv': refused('input.truncated'),
  },
  async also({ ran }) {
    if (!ran) return
    const output = await measure(ran.outputs[0]?.path ?? '')
    const picture = spanOf(output, streamOf(output, 'video')?.index ?? 0)
    assert.ok((picture?.count ?? 0) > 10, 'most of the picture is there')
  },
})
