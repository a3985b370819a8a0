import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { addRows, type Table } from './rows.ts'
import { readPeak, readSamples, readTone } from './samples.ts'
import { changingChannels, labelledTracks, manyChannels, pitchOf } from './synthetic/channels.ts'
import { audioOnly, rejected, video } from './table.ts'

const middle = [0.2, 0.8] as const

/** Expected amplitudes of the source's channels on the left and on the right, as shares of the loudest. */
type Mix = { left: readonly number[]; right: readonly number[] }

const half = Math.SQRT1_2
const surround: Mix = { left: [1, 0, half, 0, half, 0], right: [0, 1, half, 0, 0, half] }
const mixes: Readonly<Record<string, Mix>> = {
  'surround.m4a': surround,
  'surround-7.1.flac': { left: [1, 0, half, 0, half, 0, half, 0], right: [0, 1, half, 0, 0, half, 0, half] },
  'quad.wav': { left: [1, 0, half, 0], right: [0, 1, 0, half] },
  'ten-channels.wav': { left: Array.from({ length: 10 }, () => 1), right: Array.from({ length: 10 }, () => 1) },
  'ambisonic.mka': { left: [1], right: [0] },
  'left-right.mov': { left: [1, 0], right: [0, 1] },
  'right-left.mov': { left: [0, 1], right: [1, 0] },
  'left-right-commentary.mov': { left: [1, 0, 0], right: [0, 1, 0] },
  'six-tracks.mov': surround,
}

/** Checks that each channel is on the right side with the right weight, and that no sample exceeds full scale. */
const checkMix: NonNullable<Table['also']> = async ({ name, result }) => {
  const mix = mixes[name]
  if (!mix || !result) return
  const [left, right] = (await readSamples(result.outputs[0]?.path ?? '')) as [Float32Array, Float32Array]
  for (const [samples, weights] of [
    [left, mix.left],
    [right, mix.right],
  ] as const) {
    const peak = readPeak(samples.subarray(10_000, 40_000)) // without the start, where AAC exceeds the input
    assert.ok(peak <= 1, `peak ${peak}`)
    const found = weights.map((_, channel) => readTone(samples, pitchOf(channel), middle))
    const loudest = Math.max(...mix.left.map((_, channel) => readTone(left, pitchOf(channel), middle)))
    for (const [channel, weight] of weights.entries())
      assert.ok(Math.abs((found[channel] ?? 0) / loudest - weight) < 0.05, `channel ${channel}: ${found.join()}`)
  }
}

addRows(suite('many channels'), {
  makers: manyChannels,
  quick: ['surround.m4a'],
  rows: {
    'surround.m4a': audioOnly(),
    'surround-7.1.flac': audioOnly(),
    'quad.wav': audioOnly(),
    'ten-channels.wav': audioOnly({ warnings: [/10 audio channels have no known positions/] }),
    'seventy-channels.wav': rejected('input.unsupported_codec', /70 channels, of which at most 64/),
    'ambisonic.mka': audioOnly({ warnings: [/ambisonic/] }),
  },
  also: checkMix,
})

const leftOut = { warnings: [/tracks left out: 3 /] }

addRows(suite('mono tracks'), {
  makers: labelledTracks,
  quick: ['six-tracks.mov'],
  rows: {
    'left-right.mov': video(160, 90),
    'right-left.mov': video(160, 90),
    'six-tracks.mov': video(160, 90),
    'left-right-commentary.mov': video(160, 90, leftOut),
    'unlabelled.mov': video(160, 90, { warnings: [/tracks left out: 2 /] }),
  },
  also: checkMix,
})

addRows(suite('channels that change mid-stream'), {
  makers: changingChannels,
  rows: { 'stereo-then-surround.ts': audioOnly({ duration: [1.9, 2.1] }) },
  async also({ result }) {
    const [left] = (await readSamples(result?.outputs[0]?.path ?? '')) as [Float32Array]
    const peak = readPeak(left.subarray(60_000, 90_000))
    assert.ok(peak <= 1, `peak ${peak}`)
    const [before, after] = [readTone(left, pitchOf(0), [0.2, 0.8]), readTone(left, pitchOf(0), [1.2, 1.8])]
    assert.ok(before > 0.85 && Math.abs(after / before - 1 / (1 + 2 * half)) < 0.05, `${before}, then ${after}`)
  },
})
