import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile, type OpenFile } from '../../daemon/probe/bytes.ts'
import { readBoxes } from '../../daemon/probe/mp4/boxes.ts'
import { readScrambling } from '../../daemon/probe/mpegts/scrambling.ts'
import { isAnimatedWebp } from '../../daemon/probe/explain.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { createBox } from '../media/synthetic/boxes.ts'
import { flipBits, noise } from '../media/synthetic/byte-edits.ts'
import { scramblePackets, scramblePacks } from '../media/synthetic/scrambled.ts'

/** Creates a transport stream of 200 packets that alternate between two PIDs; each starts a PES packet. */
function createTransport(packetSize = 188): Buffer {
  const bytes = Buffer.alloc(200 * packetSize, 0xff)
  for (let n = 0; n < 200; n++) {
    const at = n * packetSize + (packetSize === 192 ? 4 : 0)
    bytes.writeUInt32BE((0x47_40_00_10 | ((0x100 + (n % 2)) << 8)) >>> 0, at)
    bytes.write('000001e000008000', at + 4, 'hex')
  }
  return bytes
}

/** Creates a program stream of 100 packs of 2048 bytes, each with one PES packet of video. */
function createProgram(): Buffer {
  const bytes = Buffer.alloc(100 * 2048, 0xff)
  for (let at = 0; at < bytes.length; at += 2048) {
    bytes.write('000001ba4400040004010189c3f8', at, 'hex')
    bytes.write('000001e0', at + 14, 'hex')
    bytes.writeUInt16BE(2048 - 20, at + 18)
    bytes.write('8000', at + 20, 'hex')
  }
  return bytes
}

type Options = Parameters<typeof scramblePackets>[1]

function scrambled(options: Options): Buffer {
  const bytes = createTransport(options.packetSize)
  scramblePackets(bytes, options)
  return bytes
}

function scrambledPacks(options?: { onlyMarked: boolean }): Buffer {
  const bytes = createProgram()
  scramblePacks(bytes, options)
  return bytes
}

const folders = { current: '' }

async function read<T>(bytes: Buffer, reader: (file: OpenFile) => Promise<T>): Promise<T> {
  const path = join(folders.current, 'file')
  await writeFile(path, bytes)
  await using file = await openFile(path)
  return await reader(file)
}

const readPids = async (bytes: Buffer) => {
  const { pids, suspected } = await read(bytes, readScrambling)
  return [[...pids].toSorted(), suspected]
}

const test = suite('scrambling')

let folder: Awaited<ReturnType<typeof temporaryFolder>>
test.before(async () => {
  folder = await temporaryFolder()
  folders.current = folder.path
})
test.after(async () => folder[Symbol.asyncDispose]())

test('finds the scrambled packets of a transport stream by PID', async () => {
  assert.equal(await readPids(createTransport()), [[], false])
  assert.equal(await readPids(scrambled({ pids: [0x100, 0x101] })), [[0x100, 0x101], true])
  assert.equal(await readPids(scrambled({ pids: [0x101] })), [[0x101], true])
  assert.equal(await readPids(scrambled({ pids: [0x100], packetSize: 192 })), [[0x100], true])
  assert.equal(await readPids(Buffer.concat([noise(100), scrambled({ pids: [0x100] })])), [[0x100], true])
})

test('does not count packets that are only marked as scrambled', async () => {
  assert.equal(await readPids(scrambled({ pids: [0x100, 0x101], onlyMarked: true })), [[], false])
})

test('finds a stream that is scrambled later on', async () => {
  const later = Buffer.concat([...Array.from({ length: 30 }, () => createTransport()), scrambled({ pids: [0x100] })])
  assert.equal(await readPids(later), [[], false], 'a small share is corrupt data')
  const half = Buffer.concat([createTransport(), ...Array.from({ length: 30 }, () => scrambled({ pids: [0x100] }))])
  assert.equal(await readPids(half), [[0x100], true])
})

test('suspects a program stream with marked packets', async () => {
  assert.equal(await readPids(createProgram()), [[], false])
  assert.equal(await readPids(scrambledPacks()), [[], true])
  assert.equal(await readPids(scrambledPacks({ onlyMarked: true })), [[], true])
})

/** Creates an MP4 whose track has sample entries of these types. */
function createMp4(...types: string[]): Buffer {
  const count = Buffer.alloc(8)
  count.writeUInt32BE(types.length, 4)
  const description = createBox('stsd', count, ...types.map((type) => createBox(type, Buffer.alloc(28))))
  const track = ['stbl', 'minf', 'mdia', 'trak', 'moov'].reduce((inner, type) => createBox(type, inner), description)
  return Buffer.concat([createBox('ftyp', 'isom\0\0\0\0'), track])
}

test('finds sample entries of encrypted tracks, also behind others', async () => {
  for (const type of ['encv', 'enca', 'drms', 'drmi', 'aavd'])
    for (const types of [[type], ['avc1', type]])
      assert.is((await read(createMp4(...types), readBoxes)).encrypted, true, types.join())
  for (const types of [[], ['avc1'], ['mp4a', 'avc1']])
    assert.is((await read(createMp4(...types), readBoxes)).encrypted, false, types.join())
})

const webp = (flags: number) => Buffer.from(`RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0${String.fromCharCode(flags)}`, 'latin1')

test('recognises an animated WebP image by its flags', async () => {
  assert.is(await read(webp(0x12), isAnimatedWebp), true)
  assert.is(await read(webp(0x10), isAnimatedWebp), false)
  assert.is(await read(Buffer.from('RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\x02', 'latin1'), isAnimatedWebp), false)
})

test('returns a result for truncated and corrupt files', async () => {
  const files = [createTransport(), scrambled({ pids: [0x100] }), scrambledPacks(), createMp4('avc1', 'encv'), webp(2)]
  for (let seed = 1; seed <= 200; seed++) {
    const file = files[seed % files.length] as Buffer
    const corrupt = flipBits(file, { count: seed % 40, seed, from: 0 })
    const bytes = corrupt.subarray(0, seed % 3 === 0 ? Math.floor((corrupt.length * seed) / 200) : corrupt.length)
    assert.type((await read(bytes, readScrambling)).suspected, 'boolean')
    assert.type(await read(bytes, isAnimatedWebp), 'boolean')
    assert.type((await read(bytes, readBoxes)).encrypted, 'boolean')
  }
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(600_000, 0x47), Buffer.from([0, 0, 1, 0xba]), noise(100_000)])
    assert.equal(await read(bytes, readScrambling), { pids: new Set(), suspected: false })
})
