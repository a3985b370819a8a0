import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile } from '../../daemon/probe/bytes.ts'
import { readProgramMaps, toMappedShare, type Kind, type ProgramMap } from '../../daemon/probe/mpegts/program-map.ts'
import { readSections, toChecksum } from '../../daemon/probe/mpegts/sections.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { createRandom } from '../protocol/random.ts'
import { createMap, createPacket, createPrograms } from '../media/synthetic/mpegts.ts'

const test = suite('program maps')

type Listed = Readonly<Record<number, Kind>>

const toTracks = (listed: Listed) => new Map(Object.entries(listed).map(([pid, kind]) => [Number(pid), kind] as const))
const map = (program: number, listed: Listed): ProgramMap => ({ program, tracks: toTracks(listed) })
const toVideo = (...pids: readonly number[]) => pids.map((pid) => ({ pid }))

async function readMaps(bytes: Buffer): Promise<unknown> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'source.ts')
  await writeFile(path, bytes)
  await using file = await openFile(path)
  return (await readProgramMaps(file)).map((maps) => maps.map(({ program, tracks }) => [program, ...tracks.keys()]))
}

test('the checksum is that of MPEG', () => {
  assert.is(toChecksum(Buffer.from('123456789')), 0x0376_e6e7)
})

test('reads the maps of all programs, and their changes', async () => {
  const first = [
    createPrograms({ 1: 0x1000, 2: 0x1100 }),
    createMap(0x1000, 1, toVideo(256, 257)),
    createMap(0x1100, 2, toVideo(300)),
  ]
  const second = [createMap(0x1000, 1, toVideo(512, 513))]
  assert.equal(await readMaps(Buffer.concat([...first, ...second])), [
    [
      [1, 256, 257],
      [2, 300],
      [1, 512, 513],
    ],
  ])
})

test('reads packets with a time code, packets after other bytes, and a map longer than a packet', async () => {
  const pids = Array.from({ length: 60 }, (_, n) => 1000 + n)
  const packets = [createPrograms({ 1: 0x1000 }), createMap(0x1000, 1, toVideo(...pids))]
  assert.equal(await readMaps(Buffer.concat([...packets, createPacket(8191)])), [[[1, ...pids]]])
  const plain = Buffer.concat([...packets, ...packets])
  const timed = Array.from({ length: plain.length / 188 }, (_, n) => [
    Buffer.alloc(4),
    plain.subarray(188 * n, 188 * n + 188),
  ])
  assert.equal(await readMaps(Buffer.concat(timed.flat())), [
    [
      [1, ...pids],
      [1, ...pids],
    ],
  ])
  assert.equal(await readMaps(Buffer.concat([Buffer.alloc(50), plain])), [
    [
      [1, ...pids],
      [1, ...pids],
    ],
  ])
})

test('a track that another one of its kind replaces is in a share of the file only', () => {
  const first = map(1, { 256: 'video', 257: 'audio' })
  const second = map(1, { 512: 'video', 257: 'audio' })
  const parts = [[first, first, second, map(2, { 300: 'video' })], [second]]
  assert.equal(
    [256, 512, 257, 300, 999].map((pid) => Number(toMappedShare(parts, pid).toFixed(3))),
    [0.333, 0.667, 1, 0.5, 1],
  )
})

test('a track that comes late or ends early without a replacement is complete', () => {
  const [both, video] = [map(1, { 256: 'video', 257: 'audio' }), map(1, { 256: 'video' })]
  assert.equal([toMappedShare([[video, both]], 257), toMappedShare([[both, video]], 257)], [1, 1])
  const text = [[map(1, { 600: 'other' }), map(1, { 601: 'other' })]]
  assert.is(toMappedShare(text, 600), 1)
})

test('another program replaces one that disappears', () => {
  assert.is(toMappedShare([[map(1, { 256: 'video' })], [map(2, { 300: 'video' })]], 256), 0.5)
  assert.is(toMappedShare([[map(1, { 256: 'video' })], [map(2, { 300: 'audio' })]], 256), 1)
})

const readKind = async (type: number, descriptors: readonly number[] = []) => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'source.ts')
  const packets = [createPrograms({ 1: 0x1000 }), createMap(0x1000, 1, [{ pid: 256, type, descriptors }])]
  await writeFile(path, Buffer.concat([...packets, ...packets]))
  await using file = await openFile(path)
  return (await readProgramMaps(file))[0]?.[0]?.tracks.get(256)
}

test('recognises audio in private data by its descriptors', async () => {
  assert.equal([await readKind(0x24), await readKind(0x0f), await readKind(6)], ['video', 'audio', 'other'])
  assert.is(await readKind(6, [0x52, 1, 7, 0x6a, 1, 0]), 'audio')
  assert.is(await readKind(6, [5, 4, ...Buffer.from('Opus')]), 'audio')
  assert.is(await readKind(6, [5, 4, ...Buffer.from('KLVA'), 0x56, 200]), 'other')
})

test('survives any bytes', () => {
  const random = createRandom(5)
  const packets = Buffer.concat([
    createPrograms({ 1: 0x1000 }),
    createMap(0x1000, 1, toVideo(256, 257)),
    createPacket(256),
  ])
  const original = Buffer.concat(Array.from({ length: 4 }, () => packets))
  let found = 0
  for (let n = 0; n < 500; n++) {
    const bytes = Buffer.from(original)
    for (let k = 0; k < 6; k++) bytes[Math.floor(random.between(0, bytes.length))] = Math.floor(random.between(0, 256))
    found += readSections(bytes.subarray(0, Math.floor(random.between(0, bytes.length))), new Set([0, 0x1000])).length
  }
  assert.ok(found > 100, `${found} sections were found`)
})
