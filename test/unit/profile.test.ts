import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFile } from '../../daemon/probe/bytes.ts'
import { parseProfile } from '../../daemon/probe/still/icc.ts'
import { readProfile } from '../../daemon/probe/still/profile.ts'
import type { ColourProfile } from '../../daemon/index.ts'
import { toSrgbFilters } from '../../plugins/frames/profile.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import {
  adobeRgb,
  createProfile,
  createTag,
  displayP3,
  exponent,
  insertProfile,
  sRgb,
  standard,
} from '../media/synthetic/stills.ts'
import { createRandom } from '../protocol/random.ts'

const test = suite('colour profiles')

const p3 = createProfile(displayP3, sRgb)

/** The start of an image of each format, as far as it is read. */
const images = {
  jpeg: Buffer.from('ffd8ffdb00040000ffda0000000000000000', 'hex'),
  png: Buffer.concat([
    Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
    Buffer.alloc(17),
    Buffer.from('0000000049444154', 'hex'),
  ]),
  webp: Buffer.concat([Buffer.from('RIFF\0\0\0\0WEBPVP8L', 'latin1'), Buffer.alloc(8)]),
}

async function readFrom(content: Buffer): Promise<ColourProfile | null> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'image')
  await writeFile(path, content)
  await using file = await openFile(path)
  return await readProfile(file)
}

test('reads the profile of each format', async () => {
  for (const [name, image] of Object.entries(images)) {
    assert.is(await readFrom(image), null, name)
    const { matrix = [] } = (await readFrom(insertProfile(image, p3))) ?? {}
    assert.equal(
      matrix.map((value) => Number(value.toFixed(2))),
      [1.22, -0.22, 0, -0.04, 1.04, 0, -0.02, -0.08, 1.1],
      name,
    )
  }
})

test('needs no conversion of sRGB, however its curve is stored', () => {
  const samples = Buffer.alloc(2 * 1025)
  for (let n = 0; n <= 1024; n++) {
    const x = n / 1024
    samples.writeUInt16BE(Math.round(0xffff * (x < 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)), 2 * n)
  }
  const count = Buffer.from([0, 0, 4, 1])
  for (const curve of [sRgb, createTag('curv', count, samples)])
    assert.is(parseProfile(createProfile(standard, curve)), null)
  assert.ok(parseProfile(createProfile(standard, exponent(1))))
  assert.is(parseProfile(createProfile(adobeRgb, exponent(2.2)))?.curves[0]?.gamma, 2 + 51 / 256)
})

test('ignores profiles that are not valid', () => {
  assert.is(parseProfile(Buffer.alloc(0)), null)
  assert.is(parseProfile(p3.subarray(0, 200)), null)
  assert.is(
    parseProfile(
      createProfile(
        [
          [100, 0, 0],
          [0, 100, 0],
          [0, 0, 100],
        ],
        sRgb,
      ),
    ),
    null,
  )
  assert.is(parseProfile(createProfile(displayP3, exponent(0))), null)
})

test('passes only numbers to ffmpeg', () => {
  const profile = parseProfile(p3)
  assert.ok(profile)
  for (const filter of toSrgbFilters(profile)) assert.match(filter, /^[\w=:'*/+(),.-]+$/)
})

test('reads any bytes without an error', async () => {
  const random = createRandom(5)
  for (let round = 0; round < 300; round++) {
    const changed = Buffer.from(p3.subarray(0, Math.floor(random.between(130, p3.length + 1))))
    for (let n = 0; n < 6; n++)
      changed[Math.floor(random.between(0, changed.length))] = Math.floor(random.between(0, 256))
    const profile = parseProfile(changed)
    const numbers = profile ? [...profile.matrix, ...profile.curves.flatMap((curve) => Object.values(curve))] : []
    assert.ok(numbers.every(Number.isFinite))
    if (round % 3 > 0) continue
    const image = Object.values(images)[Math.floor(round / 3) % 3] ?? images.png
    const file = insertProfile(image, p3)
    for (let n = 0; n < 6; n++) file[Math.floor(random.between(3, file.length))] = Math.floor(random.between(0, 256))
    await readFrom(file.subarray(0, Math.floor(random.between(2, file.length + 1))))
  }
})
