/** Images with colour profiles. */
import { readFile, writeFile } from 'node:fs/promises'
import { crc32, deflateSync } from 'node:zlib'
import { ffmpeg } from '../../helpers/media.ts'
import type { Maker } from './files.ts'

const fixed = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [n, value] of values.entries()) bytes.writeInt32BE(Math.round(value * 0x10000), 4 * n)
  return bytes
}
const word = (value: number): Buffer => fixed(value / 0x10000)

/** Creates a tag: its type, four zeros, the content. */
export const createTag = (type: string, ...content: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(`${type}\0\0\0\0`, 'latin1'), ...content])

/** A curve with an exponent. */
export const exponent = (gamma: number): Buffer =>
  createTag('curv', word(1), Buffer.from([Math.floor(gamma), Math.round((gamma % 1) * 256)]))

/** The parametric curve of sRGB. */
export const sRgb = createTag(
  'para',
  Buffer.from([0, 3, 0, 0]),
  fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
)

type Columns = readonly (readonly [number, number, number])[]

/** Creates an ICC profile from the XYZ values of red, green and blue, for the white point D50, and a curve. */
export function createProfile(columns: Columns, curve: Buffer): Buffer {
  const tags: [string, Buffer][] = [
    ...['rXYZ', 'gXYZ', 'bXYZ'].map((name, n): [string, Buffer] => [
      name,
      createTag('XYZ ', fixed(...(columns[n] ?? []))),
    ]),
    ...['rTRC', 'gTRC', 'bTRC'].map((name): [string, Buffer] => [name, curve]),
  ]
  const header = Buffer.alloc(128)
  header.write('RGB XYZ ', 16, 'latin1')
  header.write('acsp', 36, 'latin1')
  let offset = header.length + 4 + 12 * tags.length
  const table: Buffer[] = []
  for (const [name, { length }] of tags) {
    table.push(Buffer.from(name), word(offset), word(length))
    offset += length
  }
  return Buffer.concat([header, word(tags.length), ...table, ...tags.map(([, content]) => content)])
}

export const displayP3: Columns = [
  [0.51512, 0.2412, -0.00105],
  [0.29198, 0.69225, 0.04189],
  [0.1571, 0.06657, 0.78407],
]
export const adobeRgb: Columns = [
  [0.60974, 0.31111, 0.01947],
  [0.20528, 0.62567, 0.06087],
  [0.14919, 0.06322, 0.74457],
]
export const standard: Columns = [
  [0.43607, 0.22249, 0.01392],
  [0.38515, 0.71687, 0.09708],
  [0.14307, 0.06061, 0.7141],
]

/** Inserts a profile into a JPEG, PNG or WebP image that has none. */
export function insertProfile(image: Buffer, profile: Buffer): Buffer {
  if (image[0] === 0xff) {
    const segment = Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), profile])
    const head = Buffer.from([0xff, 0xe2, (segment.length + 2) >> 8, (segment.length + 2) & 0xff])
    return Buffer.concat([image.subarray(0, 2), head, segment, image.subarray(2)])
  }
  if (image[0] === 0x89) {
    const chunk = Buffer.concat([Buffer.from('iCCPx\0\0', 'latin1'), deflateSync(profile)])
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32BE(crc32(chunk))
    return Buffer.concat([image.subarray(0, 33), word(chunk.length - 4), chunk, checksum, image.subarray(33)])
  }
  const size = Buffer.alloc(4)
  size.writeUInt32LE(profile.length)
  // an extended file (VP8X) of 64x64 pixels with a profile
  const extended = Buffer.from([...Buffer.from('VP8X'), 10, 0, 0, 0, 0x20, 0, 0, 0, 63, 0, 0, 63, 0, 0])
  const padding = Buffer.alloc(profile.length % 2)
  const body = Buffer.concat([
    Buffer.from('WEBP'),
    extended,
    Buffer.from('ICCP'),
    size,
    profile,
    padding,
    image.subarray(12),
  ])
  const total = Buffer.alloc(4)
  total.writeUInt32LE(body.length)
  return Buffer.concat([Buffer.from('RIFF'), total, body])
}

/** A colour inside sRGB, whatever the profile: red 200, green 100, blue 50. */
const image =
  (profile: Buffer, ...options: readonly string[]): Maker =>
  async (path) => {
    await ffmpeg([
      '-f',
      'lavfi',
      '-i',
      'color=0xC86432:s=64x64:d=0.04,format=rgb24',
      '-frames:v',
      '1',
      ...options,
      path,
    ])
    await writeFile(path, insertProfile(await readFile(path), profile))
  }

const jpeg = ['-q:v', '2', '-pix_fmt', 'yuvj444p']
const webp = ['-c:v', 'libwebp', '-lossless', '1', '-pix_fmt', 'bgra']

export const stills: Readonly<Record<string, Maker>> = {
  'p3.jpg': image(createProfile(displayP3, sRgb), ...jpeg),
  'p3.png': image(createProfile(displayP3, sRgb)),
  'p3.webp': image(createProfile(displayP3, sRgb), ...webp),
  'adobe.jpg': image(createProfile(adobeRgb, exponent(2.199)), ...jpeg),
  'srgb.jpg': image(createProfile(standard, sRgb), ...jpeg),
}
