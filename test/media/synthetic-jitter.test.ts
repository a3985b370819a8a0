import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { checkSync } from './check-sync.ts'
import { addRows } from './rows.ts'
import { findBreaks, readSamples } from './samples.ts'
import { drifting, jittered } from './synthetic/jitter.ts'
import { video } from './table.ts'

const lasting = video(160, 90, { duration: [4.95, 5.15] })

addRows(suite('jitter around a continuous track'), {
  makers: jittered,
  quick: ['jitter-aac.mkv'],
  rows: {
    'jitter.webm': lasting,
    'jitter-aac.mkv': lasting,
    'jitter-pcm.mkv': lasting,
  },
  async also({ result }) {
    const [samples] = (await readSamples(result?.outputs[0]?.path ?? '', 1)) as [Float32Array]
    assert.equal(findBreaks(samples, [0.2, 4.8]), [])
  },
})

addRows(suite('drift and gaps', { exhaustive: true }), {
  makers: drifting,
  rows: {
    'drift-slow.mkv': video(160, 90),
    'drift-fast.mkv': video(160, 90),
    'gap.mkv': video(160, 90),
  },
  also: checkSync,
})
