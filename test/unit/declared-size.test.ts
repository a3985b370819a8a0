import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile } from '../../daemon/probe/bytes.ts'
import { isPlaceholder, readDeclaredSize } from '../../daemon/probe/extent/declared-size.ts'
import { createRandom } from '../protocol/random.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('declared sizes')

const chunk = (type: string, length: number, content: Buffer = Buffer.alloc(0)) => {
  const head = Buffer.alloc(8)
  head.write(type, 'latin1')
  head.writeUInt32LE(length, 4)
  return Buffer.concat([head, content])
}
const format = chunk('fmt ', 16, Buffer.alloc(16))
const wave = (riff: number, data: number, type = 'RIFF') =>
  Buffer.concat([chunk(type, riff), Buffer.from('WAVE'), format, chunk('data', data, Buffer.alloc(1000))])

const aviPart = (length: number, bytes: number) =>
  Buffer.concat([chunk('RIFF', length), Buffer.from('AVI '), Buffer.alloc(bytes - 4)])

/** A Matroska file: an EBML header without content, and a segment with a size of eight bytes. */
const segment = (size: string, bytes: number) =>
  Buffer.concat([Buffer.from(`1a45dfa380${'18538067'}${size}`, 'hex'), Buffer.alloc(bytes)])

async function declare(bytes: Buffer): Promise<unknown[]> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'source')
  await writeFile(path, bytes)
  await using file = await openFile(path)
  const { bytes: declared, isStreamed, isWhole } = await readDeclaredSize(file)
  return [declared, isStreamed, isWhole]
}

test('recognises the sizes that programs write before they know them', () => {
  const placeholders = [
    0, 0xffff_ffff, 0x7fff_ffff, 0x7fff_f000, 0x8000_0000, 2_000_000_000, 0x7fff_ffdb, 0xffff_f000, 0x7f00_0000,
  ]
  assert.equal(
    placeholders.filter((size) => !isPlaceholder(size)),
    [],
  )
  assert.equal([1, 132_300, 2 ** 27, 100_000_000, 734_003_200, 1_234_567_890].filter(isPlaceholder), [])
})

test('the data chunk of a WAV counts, not the size of the whole', async () => {
  assert.equal(await declare(wave(1036, 1000)), [1044, false, true])
  assert.equal(await declare(wave(5_000_000, 1000)), [1044, false, true])
  assert.equal(await declare(wave(5036, 5000)), [5044, false, false])
  assert.equal(await declare(wave(0x7fff_f024, 0x7fff_f000)), [null, true, false])
  assert.equal(await declare(wave(0, 0)), [1044, true, true])
})

test('reads the sizes of a large WAV from its own chunk', async () => {
  const sizes = Buffer.alloc(28)
  sizes.writeBigUInt64LE(5000n, 8)
  const parts = [chunk('RF64', 0xffff_ffff), Buffer.from('WAVE'), chunk('ds64', 28, sizes), format]
  const bytes = Buffer.concat([...parts, chunk('data', 0xffff_ffff, Buffer.alloc(1000))])
  assert.equal(await declare(bytes), [5080, false, false])
})

const aiff = (length: number) => {
  const [form, samples] = [chunk('FORM', 0), chunk('SSND', 0, Buffer.alloc(1000))]
  samples.writeUInt32BE(length, 4)
  return Buffer.concat([form, Buffer.from('AIFC'), samples])
}

test('reads the size of the samples in an AIFF', async () => {
  assert.equal(await declare(aiff(1000)), [1020, false, true])
  assert.equal(await declare(aiff(5000)), [5020, false, false])
  assert.equal(await declare(aiff(0x7f00_0000)), [null, true, false])
})

test('adds the parts of a large AVI', async () => {
  assert.equal(await declare(Buffer.concat([aviPart(100, 100), aviPart(200, 200)])), [316, false, true])
  assert.equal(await declare(Buffer.concat([aviPart(100, 100), aviPart(400, 200)])), [516, false, false])
  assert.equal(await declare(Buffer.concat([aviPart(100, 100), Buffer.from('junk at the end')])), [108, false, true])
  assert.equal(await declare(aviPart(0xffff_ffff, 100)), [null, true, false])
})

test('a Matroska file is whole if it has its segment, unless the size is unknown', async () => {
  assert.equal(await declare(segment('0100000000000064', 100)), [null, false, true])
  assert.equal(await declare(segment('0100000000000064', 99)), [null, false, false])
  assert.equal(await declare(segment('01ffffffffffffff', 99)), [null, false, false])
  assert.equal(await declare(segment('ff', 99)), [null, false, false])
  assert.equal(await declare(segment('e4', 100)), [null, false, true])
})

test('survives any bytes', async () => {
  const random = createRandom(11)
  const caf = Buffer.concat([Buffer.from('caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20', 'latin1'), Buffer.alloc(64)])
  const files = [wave(1036, 1000), wave(1, 2, 'RF64'), segment('0100000000000064', 100), caf]
  for (let n = 0; n < 200; n++) {
    const bytes = Buffer.from(files[n % files.length] ?? '')
    for (let k = 0; k < 4; k++) bytes[Math.floor(random.between(0, 60))] = Math.floor(random.between(0, 256))
    const [declared] = await declare(bytes.subarray(0, Math.floor(random.between(0, bytes.length))))
    assert.ok(declared === null || Number(declared) > 0 || declared === 0)
  }
})
