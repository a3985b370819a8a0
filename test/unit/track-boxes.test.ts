import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile } from '../../daemon/probe/bytes.ts'
import { readBoxes } from '../../daemon/probe/mp4/boxes.ts'
import { readTracks, withTracks, type TrackBoxes } from '../../daemon/probe/mp4/track-boxes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { aProbe, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'
import { createBox } from '../media/synthetic/boxes.ts'
import { createRandom } from '../protocol/random.ts'

const test = suite('tracks of an MP4')

/** Creates a buffer of numbers of 4 bytes; -1 has all bits set. */
const words = (...values: readonly number[]): Buffer =>
  Buffer.concat(values.map((value) => Buffer.from(new Uint8Array([value >> 24, value >> 16, value >> 8, value]))))

const avc = Buffer.from('01640028ffe1000367640a01000268ee', 'hex')
const hevc = Buffer.concat([Buffer.alloc(22), Buffer.from('03a00001000240012100010002420127000100024e01', 'hex')])

type Given = {
  configuration?: Buffer
  descriptions?: number
  /** Duration in ms, media time in ticks of 1/1000 s, rate of each edit. */
  edits?: readonly (readonly [number, number, number])[]
  firstOffset?: number
  handler?: string
  fragmented?: boolean
}

function createFile(given: Given = {}): Buffer {
  const { configuration = createBox('avcC', avc), descriptions = 1, edits = [], firstOffset = 0 } = given
  const entry = createBox('avc1', Buffer.alloc(78), configuration)
  const stbl = createBox(
    'stbl',
    createBox('stsd', words(0, descriptions), ...Array.from({ length: descriptions }, () => entry)),
    createBox('stsz', words(0, 1000, 40)),
    createBox('ctts', words(0, 1, 10, firstOffset)),
  )
  const hdlr = createBox('hdlr', words(0, 0), given.handler ?? 'vide', Buffer.alloc(12))
  const mdia = createBox('mdia', createBox('mdhd', words(0, 0, 0, 1000, 4000)), hdlr, createBox('minf', stbl))
  const rows = edits.flatMap(([duration, mediaTime, rate]) => [duration, mediaTime, rate * 0x10000])
  const elst = edits.length > 0 ? [createBox('edts', createBox('elst', words(0, edits.length, ...rows)))] : []
  const trak = createBox('trak', createBox('tkhd', words(0, 0, 0, 7, 0, 4000)), ...elst, mdia)
  const mvhd = createBox('mvhd', words(0, 0, 0, 1000, 4000), Buffer.alloc(80))
  const mvex = given.fragmented === true ? [createBox('mvex')] : []
  return Buffer.concat([createBox('ftyp', 'isom'), createBox('moov', mvhd, trak, ...mvex)])
}

async function readFile(content: Buffer): Promise<readonly TrackBoxes[]> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file.mp4')
  await writeFile(path, content)
  await using file = await openFile(path)
  return await readTracks(file, (await readBoxes(file)).movie)
}
const isCut = async (given: Given): Promise<boolean | undefined> => (await read(given))?.isCut
const read = async (given: Given = {}): Promise<TrackBoxes | undefined> => (await readFile(createFile(given)))[0]

test('reads the id, the sample descriptions and the parameter sets', async () => {
  assert.equal(await read(), {
    id: 7,
    descriptionCount: 1,
    isFrameOnly: false,
    parameterSets: ['67640a', '68ee'],
    isCut: false,
    sampleCount: 40,
  })
  assert.is((await read({ descriptions: 2 }))?.descriptionCount, 2)
  assert.equal((await read({ configuration: createBox('hvcC', hevc) }))?.parameterSets, ['4001', '4201'])
  assert.equal(
    (await read({ configuration: createBox('avcC', Buffer.from('01640028ffe000', 'hex')) }))?.parameterSets,
    [],
  )
  assert.is((await read({ configuration: createBox('pasp', words(1, 1)) }))?.parameterSets, null)
})

test('detects edit lists that leave out frames, and accepts the delay of reordered frames', async () => {
  assert.is(await isCut({ edits: [[4000, 0, 1]] }), false)
  assert.is(await isCut({ edits: [[4000, 80, 1]], firstOffset: 80 }), false)
  assert.is(
    await isCut({
      edits: [
        [500, -1, 1],
        [4000, 0, 1],
      ],
    }),
    false,
  )
  assert.is(await isCut({ edits: [[3960, 40, 1]] }), true)
  assert.is(await isCut({ edits: [[3960, 0, 1]] }), true)
  assert.is(
    await isCut({
      edits: [
        [1000, 0, 1],
        [1000, 2000, 1],
      ],
    }),
    true,
  )
  assert.is(await isCut({ edits: [[4000, 0, 0.5]] }), true)
  assert.is(await isCut({ edits: [[4000, 44, 1]], handler: 'soun' }), false)
  assert.is(await isCut({ edits: [[3000, 1000, 1]], handler: 'soun' }), true)
  assert.is(await isCut({ edits: [[0, 80, 1]], fragmented: true }), false)
  assert.is(await isCut({ edits: [[0, 1000, 1]], fragmented: true }), true)
})

test('adds the facts to the stream with the id of the track', () => {
  const probe = aProbe({ video: aVideo({ index: 1 }) })
  const track = { id: 7, descriptionCount: 2, parameterSets: ['67'], isFrameOnly: false, isCut: true, sampleCount: 1 }
  const { video, audio } = withTracks(probe, { streams: [{ index: 1, id: '0x7' }, { index: 5 }] }, [track])
  assert.equal([video?.descriptionCount, video?.parameterSets, video?.isCut], [2, ['67'], true])
  assert.equal(audio, probe.audio)
  assert.equal(withTracks(probe, null, [track]), probe)
})

test('reads any bytes without an error', async () => {
  const random = createRandom(3)
  const content = createFile({
    edits: [
      [500, -1, 1],
      [4000, 80, 1],
    ],
    configuration: createBox('hvcC', hevc),
  })
  for (let round = 0; round < 200; round++) {
    const changed = Buffer.from(content.subarray(0, Math.floor(random.between(32, content.length + 1))))
    for (let n = 0; n < 5; n++)
      changed[Math.floor(random.between(16, changed.length))] = Math.floor(random.between(0, 256))
    for (const { parameterSets } of await readFile(changed)) assert.ok((parameterSets ?? []).length <= content.length)
  }
})
