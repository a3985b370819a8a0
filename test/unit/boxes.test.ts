import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile } from '../../daemon/probe/bytes.ts'
import { readBoxes, type Boxes } from '../../daemon/probe/mp4/boxes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { createBox } from '../media/synthetic/boxes.ts'

const test = suite('boxes of an MP4')

async function read(bytes: Buffer): Promise<Boxes> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'video.mp4')
  await writeFile(path, bytes)
  await using file = await openFile(path)
  return await readBoxes(file)
}

const int32 = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [n, value] of values.entries()) bytes.writeUInt32BE(value, 4 * n)
  return bytes
}

const ftyp = createBox('ftyp', 'isom', int32(0), 'isom')
/** A movie header of version 0: version and flags, two dates, time scale, duration. */
const mvhd = (timescale: number, duration: number) => createBox('mvhd', int32(0, 0, 0, timescale, duration, 0, 0, 0))
const track = (entry: string) =>
  createBox(
    'trak',
    createBox('mdia', createBox('minf', createBox('stbl', createBox('stsd', int32(0, 1), createBox(entry, 'x'))))),
  )
const movie = (...boxes: Buffer[]) => createBox('moov', mvhd(1000, 2500), ...boxes)
const data = createBox('mdat', Buffer.alloc(100))

test('reads brand, movie and duration', async () => {
  const {
    brand,
    movie: found,
    encrypted,
    truncated,
    durationSeconds,
  } = await read(Buffer.concat([ftyp, movie(track('avc1')), data]))
  assert.equal(
    { brand, hasMovie: found !== null, encrypted, truncated, durationSeconds },
    { brand: 'isom', hasMovie: true, encrypted: false, truncated: false, durationSeconds: 2.5 },
  )
})

test('reads the duration of a movie header of version 1', async () => {
  const long = createBox('mvhd', int32(1 << 24, 0, 0, 0, 0, 600, 1, 0, 0))
  const { durationSeconds } = await read(Buffer.concat([ftyp, createBox('moov', long)]))
  assert.is(durationSeconds, 2 ** 32 / 600)
})

for (const [name, header] of Object.entries({
  'is 0': mvhd(1000, 0),
  'has all bits set': mvhd(1000, 0xff_ff_ff_ff),
  'has no time scale': mvhd(0, 2500),
  'is cut off': createBox('mvhd', int32(0, 0, 0, 1000)),
}))
  test(`knows no duration when that of the header ${name}`, async () => {
    assert.is((await read(Buffer.concat([ftyp, createBox('moov', header), data]))).durationSeconds, null)
  })

test('recognizes a track that is encrypted, behind one that is not', async () => {
  for (const entry of ['encv', 'enca'])
    assert.ok((await read(Buffer.concat([ftyp, data, movie(track('avc1'), track(entry))]))).encrypted, entry)
})

test('recognizes an image, which has no movie', async () => {
  const image = Buffer.concat([createBox('ftyp', 'heic', int32(0), 'mif1'), createBox('meta', int32(0)), data])
  const { brand, movie: found, truncated } = await read(image)
  assert.equal({ brand, hasMovie: found !== null, truncated }, { brand: 'heic', hasMovie: false, truncated: false })
})

test('a file that ends inside media data, a fragment or the index is truncated', async () => {
  const index = movie(track('avc1'))
  for (const last of [data, createBox('moof', Buffer.alloc(50)), movie(track('avc1'), track('mp4a'))]) {
    const whole = Buffer.concat([ftyp, index, last])
    assert.is((await read(whole)).truncated, false)
    assert.is((await read(whole.subarray(0, -1))).truncated, true, last.toString('latin1', 4, 8))
  }
  const junk = createBox('free', Buffer.alloc(50))
  assert.is((await read(Buffer.concat([ftyp, index, data, junk]).subarray(0, -1))).truncated, false, 'free space')
})

test('media data of size 0 extends to the end of the file', async () => {
  const open = Buffer.from(data)
  open.writeUInt32BE(0)
  assert.is((await read(Buffer.concat([ftyp, movie(track('avc1')), open]))).truncated, false)
})

test('knows nothing about a file that is not an MP4', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('ftyp'), Buffer.from('RIFF\0\0\0\0WAVE'), data]) {
    const { brand, movie: found, encrypted, truncated, durationSeconds } = await read(bytes)
    assert.equal([brand, found !== null, encrypted, truncated, durationSeconds], [null, false, false, false, null])
  }
})

test('reads every cut and damaged file to an end', async () => {
  const whole = Buffer.concat([ftyp, movie(track('avc1'), track('mp4a')), data])
  for (let length = 0; length < whole.length; length += 7) await read(whole.subarray(0, length))
  let seed = 1
  const random = () => (seed = (seed * 48_271) % 0x7f_ff_ff_ff)
  for (let round = 0; round < 200; round++) {
    const damaged = Buffer.from(whole)
    for (let n = 0; n < 8; n++) damaged[random() % damaged.length] = random() % 256
    const { durationSeconds } = await read(damaged)
    assert.ok(durationSeconds === null || durationSeconds > 0)
  }
})
