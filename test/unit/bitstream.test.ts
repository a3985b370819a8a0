import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { hasOneMeaning, readEvidence, toEvidenceOutput, type Evidence } from '../../plugins/bitstream/evidence.ts'
import { splitMessages, splitObus, splitUnits } from '../../plugins/bitstream/units.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'
import { createRandom } from '../protocol/random.ts'

const test = suite('bitstream')

const bytes = (...values: readonly (number | string | Buffer)[]): Buffer =>
  Buffer.concat(values.map((value) => (typeof value === 'number' ? Buffer.from([value]) : Buffer.from(value))))
const unit = (...values: readonly (number | string | Buffer)[]): Buffer => bytes(0, 0, 0, 1, ...values)
const message = (type: number, payload: Buffer): Buffer => bytes(6, type, payload.length, payload, 0x80)

const uuid = Buffer.alloc(16, 7)
const x264 = Buffer.concat([Buffer.from('dc45e9bde6d948b7962cd820d923eeef', 'hex'), Buffer.from('x264 - core 164')])
const captions = Buffer.from('b500314741393403', 'hex')

async function read(codec: string, content: Buffer): Promise<Evidence | null> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'units')
  await writeFile(path, content)
  return await readEvidence(path, aVideo({ codec }))
}

const isPrivate = async (payload: Buffer, type = 5) => (await read('h264', unit(message(type, payload))))?.isPrivate
const hevc = (type: number, ...rest: readonly (number | Buffer)[]) => read('hevc', unit(type << 1, 1, ...rest))
const obu = (type: number, ...rest: readonly number[]) => bytes((type << 3) | 2, rest.length, ...rest)

test('splits byte streams at start codes of both lengths, without the zeros between units', () => {
  const stream = bytes(0xff, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x68, 2, 0, 0, 1)
  assert.equal([...splitUnits(stream)], [bytes(0x67, 1), bytes(0x68, 2)])
  assert.equal([...splitUnits(bytes(1, 2, 3))], [])
})

test('parses messages with long types and sizes, and removes emulation prevention', () => {
  const long = Buffer.alloc(300, 0x61)
  const [first, second] = [...splitMessages(bytes(6, 0xff, 2, 1, 9, 5, 0xff, 45, long, 0x80), 1)]
  assert.equal([first?.type, first?.payload], [257, bytes(9)])
  assert.equal([second?.type, second?.payload.length], [5, 300])
  const [only] = [...splitMessages(bytes(6, 5, 4, 0, 0, 3, 1, 9, 0x80), 1)]
  assert.equal(only?.payload, bytes(0, 0, 1, 9))
})

test('finds user data, and accepts the settings of an encoder and captions', async () => {
  assert.is(await isPrivate(bytes(uuid, 'lat=48.8584')), true)
  assert.is(await isPrivate(x264), false)
  assert.is(await isPrivate(bytes(x264, 10, 'lat=48.8584')), true)
  assert.is(await isPrivate(captions, 4), false)
  assert.is(await isPrivate(Buffer.from('b500319999', 'hex'), 4), true)
  assert.is(await isPrivate(bytes(1, 2), 1), false)
  assert.is((await read('h264', unit(message(4, captions))))?.isNeeded, true)
  assert.is((await read('h264', unit(message(6, bytes(0x80)))))?.isNeeded, true)
  assert.is((await read('h264', unit(0x78, 1)))?.isPrivate, true)
  assert.is((await read('h264', bytes(unit(bytes(6, 5, 200)), uuid, 'cut off')))?.isPrivate, true)
})

test('finds user data in HEVC and AV1', async () => {
  assert.is((await hevc(39, 5, 16, uuid, 0x80))?.isPrivate, true)
  assert.is((await hevc(40, 132, 1, 9, 0x80))?.isPrivate, false)
  assert.is((await hevc(39, 144, 1, 9, 0x80))?.isNeeded, true)
  assert.is((await hevc(50, 1))?.isPrivate, true)
  assert.equal(await read('av1', obu(1, 7)), { parameterSets: ['07'], isPrivate: false, isNeeded: false })
  assert.is((await read('av1', obu(5, 7, 1)))?.isPrivate, true)
  assert.equal(await read('av1', obu(5, 2, 1)), { parameterSets: [], isPrivate: false, isNeeded: true })
})

test('compares parameter sets among the frames to those of the container', async () => {
  const evidence = await read('h264', bytes(unit(0x67, 1), unit(0x68, 2), unit(0x67, 1)))
  assert.ok(evidence)
  assert.equal(evidence.parameterSets, ['6701', '6802'])
  const video = aVideo({ codec: 'h264' })
  assert.is(hasOneMeaning(evidence, video, ['6701', '6802', '6803']), true)
  assert.is(hasOneMeaning(evidence, video, ['670100', '6802']), true)
  assert.is(hasOneMeaning(evidence, video, ['6701']), false)
  assert.is(hasOneMeaning(evidence, video, []), false)
  assert.is(hasOneMeaning(evidence, video, null), true)
  const av1 = { ...evidence, parameterSets: ['01', '02'] }
  assert.is(hasOneMeaning(av1, aVideo({ codec: 'av1' }), null), false)
})

test('needs no evidence of codecs without units, and no metadata where it is kept', () => {
  const request = { path: 'x', units: 'all', metadata: 'keep' } as const
  assert.is(toEvidenceOutput(aVideo({ codec: 'vp9' }), request), null)
  const filters = toEvidenceOutput(aVideo({ codec: 'h264' }), request)?.options.join(' ') ?? ''
  assert.match(filters, /pass_types=7-8 /)
})

test('reads any bytes to the end', async () => {
  const random = createRandom(11)
  const content = bytes(unit(0x67, 1, 2), unit(message(5, bytes(uuid, 'text'))), unit(message(4, captions)))
  for (let round = 0; round < 2000; round++) {
    const changed = Buffer.from(content.subarray(0, Math.floor(random.between(0, content.length + 1))))
    for (let n = 0; n < 4 && changed.length > 0; n++)
      changed[Math.floor(random.between(0, changed.length))] = Math.floor(random.between(0, 256))
    for (const one of splitUnits(changed))
      for (const { payload } of splitMessages(one, 1)) assert.ok(payload.length <= changed.length)
    for (const { payload } of splitObus(changed)) assert.ok(payload.length < changed.length)
  }
  for (const codec of ['h264', 'hevc', 'av1']) assert.ok(await read(codec, Buffer.alloc(100_000, 0xff)), codec)
})
