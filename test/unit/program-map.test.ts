import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readProgramMaps, toMappedShare, type ProgramMap } from '../../daemon/probe/mpegts/program-map.ts'
import { readSections, toChecksum } from '../../daemon/probe/mpegts/sections.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { createRandom } from '../protocol/random.ts'
import { createMap, createPacket, createPrograms } from '../media/synthetic/mpegts.ts'

const test = suite('program maps')

const map = (program: number, ...pids: number[]): ProgramMap => ({ program, pids: new Set(pids) })

async function readMaps(bytes: Buffer): Promise<unknown> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'source.ts')
  await writeFile(path, bytes)
  return (await readProgramMaps(path)).map((maps) => maps.map(({ program, pids }) => [program, ...pids]))
}

test('the checksum is that of MPEG', () => {
  assert.is(toChecksum(Buffer.from('123456789')), 0x0376_e6e7)
})

test('reads the maps of all programs, and their changes', async () => {
  const first = [
    createPrograms({ 1: 0x1000, 2: 0x1100 }),
    createMap(0x1000, 1, [256, 257]),
    createMap(0x1100, 2, [300]),
  ]
  const second = [createMap(0x1000, 1, [512, 513])]
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
  const packets = [createPrograms({ 1: 0x1000 }), createMap(0x1000, 1, pids)]
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

test('the share of a track is that of the maps which list it', () => {
  const parts = [[map(1, 256), map(1, 256), map(1, 512), map(2, 300)], [map(1, 512)]]
  assert.equal(
    [256, 512, 300, 999].map((pid) => toMappedShare(parts, pid)),
    [1 / 3, 2 / 3, 1 / 2, 1],
  )
})

test('survives any bytes', () => {
  const random = createRandom(5)
  const packets = Buffer.concat([createPrograms({ 1: 0x1000 }), createMap(0x1000, 1, [256, 257]), createPacket(256)])
  const original = Buffer.concat(Array.from({ length: 4 }, () => packets))
  let found = 0
  for (let n = 0; n < 500; n++) {
    const bytes = Buffer.from(original)
    for (let k = 0; k < 6; k++) bytes[Math.floor(random.between(0, bytes.length))] = Math.floor(random.between(0, 256))
    found += readSections(bytes.subarray(0, Math.floor(random.between(0, bytes.length))), new Set([0, 0x1000])).length
  }
  assert.ok(found > 100, `${found} sections were found`)
})
