import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { findEmpty, withoutEmpty } from '../../daemon/probe/empty.ts'
import { parseProbe } from '../../daemon/probe/parse.ts'
import type { TrackBoxes } from '../../daemon/probe/mp4/track-boxes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('empty tracks')

const video = { index: 0, id: '0x1', codec_type: 'video', codec_name: 'h264', pix_fmt: 'yuv420p' }
const audio = { index: 1, id: '0x2', codec_type: 'audio', codec_name: 'aac', channels: 2 }
const other = { ...audio, index: 2, id: '0x3', disposition: { default: 1 } }
const never = () => Promise.reject(new Error('searched for a packet'))
const track = (id: number, sampleCount: number | null): TrackBoxes => ({
  id,
  sampleCount,
  descriptionCount: 1,
  isFrameOnly: false,
  parameterSets: null,
  isCut: false,
})
const json = (...indices: readonly number[]) => ({
  streams: [video, audio, other],
  packets: indices.map((index) => ({ stream_index: index })),
})

test('searches only tracks without a packet among the first ones', async () => {
  assert.equal(await findEmpty(json(0, 1, 2), [], never), new Set())
  const searched: number[] = []
  const found = await findEmpty(json(0), [], async (index) => {
    searched.push(index)
    return index === 1
  })
  assert.equal([searched, [...found]], [[1, 2], [2]])
})

test('decides by the index of an MP4 where it has one', async () => {
  assert.equal(await findEmpty(json(0), [track(2, 0), track(3, 48)], never), new Set([1]))
  assert.equal(await findEmpty(json(0, 1), [track(3, null)], () => Promise.resolve(false)), new Set([2]))
})

test('searches a limited number of tracks', async () => {
  let searches = 0
  const streams = Array.from({ length: 30 }, (_, index) => ({ ...audio, index }))
  const found = await findEmpty({ streams }, [], () => {
    searches++
    return Promise.resolve(false)
  })
  assert.equal([searches, found.size], [4, 4])
})

test('never selects an empty track, and keeps a file as it is when all are empty', () => {
  const probe = parseProbe(withoutEmpty(json(), new Set([2])), 1)
  assert.is(probe.audio?.index, 1)
  assert.equal(
    probe.skipped.map(({ index, reason }) => [index, reason]),
    [[2, 'it contains nothing']],
  )
  assert.is(parseProbe(withoutEmpty(json(), new Set([0])), 1).video, null)
  assert.equal(withoutEmpty(json(), new Set([0, 1, 2])), json())
})

test('accepts any JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), async (value) => {
      const empty = await findEmpty(value, [], () => Promise.resolve(false))
      parseProbe(withoutEmpty(value, empty), 1)
    }),
  )
})
