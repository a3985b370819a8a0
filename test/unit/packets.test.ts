import * as assert from 'uvu/assert'
import {
  countMissingFrames,
  fillsFile,
  parsePackets,
  toHeldSeconds,
  type Packet,
} from '../../plugins/transcode/packets/packets.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('packets')

const at = (...starts: readonly number[]): Packet[] => starts.map((start) => ({ start, duration: 0.04, bytes: 1000 }))
const every = (seconds: number, count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n * seconds)
const missing = (starts: readonly number[]) => countMissingFrames(at(...starts), Infinity)

async function* lines(text: string): AsyncGenerator<string> {
  yield* text.split('\n')
}

test('parses the packets of each track', async () => {
  const text = [
    '#software: Lavf59.27.100\n#tb 0: 1/25\n#media_type 0: video\n#tb 1: 1/48000',
    '0,          0,          2,        1,     1520, 0x05b789ef',
    '1,      -1024,      -1024,     1024,      372, 0x1f09b9d2, S=1,       10',
    '0,          1,      NOPTS,        1,     1520, 0x05b789ef\n7, 1, 1, 1\nnoise\n0, 1',
  ]
  const [video, audio] = await parsePackets(lines(text.join('\n')), 2)
  assert.equal(video, [
    { start: 2 / 25, duration: 1 / 25, bytes: 1520 },
    { start: 1 / 25, duration: 1 / 25, bytes: 1520 },
  ])
  assert.equal(audio, [{ start: -1024 / 48_000, duration: 1024 / 48_000, bytes: 372 }])
})

test('a track holds what its packets span, without an absurd duration of one packet', () => {
  assert.is(toHeldSeconds([]), 0)
  assert.is(Math.round(toHeldSeconds(at(...every(0.04, 100))) * 100), 400)
  assert.is(Math.round(toHeldSeconds([...at(...every(0.04, 100)), { start: 4, duration: 36_000, bytes: 1 }])), 5)
  assert.is(Math.round(toHeldSeconds(at(0, 60))), 60)
  assert.is(Math.round(toHeldSeconds(at(...every(0, 100))) * 100), 400)
})

test('packets fill a file if nothing but headers is left', () => {
  const packets = [at(...every(0.04, 500)), at(...every(0.02, 500))]
  assert.equal([fillsFile(packets, 1_040_000), fillsFile(packets, 1_100_000)], [true, false])
  assert.equal([fillsFile([], 10_000), fillsFile([], 20_000)], [true, false])
})

test('counts frames that are missing between others', () => {
  assert.is(missing(every(0.04, 50)), 0)
  assert.is(missing([...every(0.04, 50), ...every(0.04, 50, 2.4)]), 10)
  assert.is(missing([...every(0.04, 50), ...every(0.04, 50, 2.04)]), 1)
  assert.is(missing([0.08, 0, 0.04, 0.16, 0.12]), 0, 'the order is that of decoding')
  assert.is(missing([1]), 0)
  assert.is(missing([]), 0)
})

test('a frame rate that changes is not a gap', () => {
  assert.is(missing([...every(1 / 30, 60), ...every(1 / 60, 120, 2)]), 0)
  assert.is(missing([...every(1 / 60, 60), ...every(1 / 30, 120, 1)]), 0)
  assert.is(missing(every(12, 3)), 0)
})

test('a jump of the clock is not a gap', () => {
  const starts = [...every(0.04, 50), ...every(0.04, 50, 600)]
  assert.is(countMissingFrames(at(...starts), 10), 0)
  assert.ok(countMissingFrames(at(...starts), Infinity) > 10_000)
})
