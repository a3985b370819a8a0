/** Files whose streams look as requested, and that a plain copy would break or leave private data in. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { createBox, findBox, replaceBox } from './boxes.ts'
import { aac, encode, h264, inputs, videoInput, type Maker, type Makers } from './files.ts'

const short = { seconds: 1 }
const x265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']

/** Two versions of H.264 with different parameter sets: frames of one do not decode with those of the other. */
const variants = ['cabac=1', 'cabac=0'].map((entropy) =>
  [videoInput(short), h264, ['-x264-params', `${entropy}:repeat-headers=1`]].flat(),
)

/** Creates files from options, passes their contents on, and removes them. */
const combine =
  (
    extension: string,
    options: readonly (readonly string[])[],
    write: (path: string, parts: Buffer[]) => Promise<void>,
  ): Maker =>
  async (path) => {
    const paths = options.map((_, n) => `${path}.${n}.${extension}`)
    for (const [n, one] of options.entries()) await ffmpeg([...one, paths[n] ?? ''])
    await write(path, await Promise.all(paths.map((part) => readFile(part))))
    await Promise.all(paths.map((part) => rm(part)))
  }

const integers = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [n, value] of values.entries()) bytes.writeUInt32BE(value, 4 * n)
  return bytes
}

/** Creates a box with version 0, no flags, and integers. */
const table = (type: string, ...values: readonly number[]): Buffer => createBox(type, integers(0, ...values))

const bodyOf = (bytes: Buffer, path: string): Buffer => {
  const { bodyStart, end } = findBox(bytes, path)
  return bytes.subarray(bodyStart, end)
}

const stbl = 'moov/trak/mdia/minf/stbl'
const doubled = (bytes: Buffer, path: string, at: number): Buffer => {
  const body = Buffer.from(bodyOf(bytes, path))
  body.writeUInt32BE(2 * body.readUInt32BE(at), at)
  return replaceBox(bytes, path, createBox(path.split('/').at(-1) ?? '', body))
}

/** Joins two videos of equal length to one track with two sample descriptions, as cameras and editors do. */
function joinTracks(first: Buffer, second: Buffer): Buffer {
  const [data, sizes, descriptions] = ['mdat', `${stbl}/stsz`, `${stbl}/stsd`].map((path) =>
    [first, second].map((bytes) => bodyOf(bytes, path)),
  ) as [Buffer[], Buffer[], Buffer[]]
  const head = first.subarray(0, findBox(first, 'mdat').start)
  const count = sizes[0]?.readUInt32BE(8) ?? 0
  const entries = sizes.map((one) => one.subarray(12))
  const offset = head.length + 8
  let movie = first.subarray(findBox(first, 'moov').start)
  const tables: Readonly<Record<string, Buffer>> = {
    stsd: createBox('stsd', integers(0, 2), ...descriptions.map((one) => one.subarray(8))),
    stsz: createBox('stsz', integers(0, 0, 2 * count), ...entries),
    stts: table('stts', 1, 2 * count, bodyOf(first, `${stbl}/stts`).readUInt32BE(12)),
    stss: table('stss', 2, 1, count + 1),
    stsc: table('stsc', 2, 1, count, 1, 2, count, 2),
    stco: table('stco', 2, offset, offset + (data[0]?.length ?? 0)),
  }
  for (const [type, box] of Object.entries(tables)) movie = replaceBox(movie, `${stbl}/${type}`, box)
  movie = doubled(movie, 'moov/mvhd', 16)
  movie = doubled(movie, 'moov/trak/tkhd', 20)
  movie = doubled(movie, 'moov/trak/mdia/mdhd', 16)
  movie = doubled(movie, 'moov/trak/edts/elst', 8)
  return Buffer.concat([head, createBox('mdat', ...data), movie])
}

/** Removes the parameter sets from the sample description, so that they are only among the frames, and renames it. */
const inBand =
  (encoder: readonly string[], names: { from: string; to: string; configuration: string; sets: number }): Maker =>
  async (path) => {
    await ffmpeg([...videoInput(short), ...encoder, path])
    const bytes = await readFile(path)
    const at = bytes.indexOf(names.configuration)
    const length = bytes.readUInt32BE(at - 4)
    // what follows the empty lists is a box without a meaning
    const rest = at - 4 + 8 + names.sets
    bytes[rest - 1] = names.configuration === 'avcC' ? 0xe0 : 0
    bytes.writeUInt32BE(8 + names.sets + (names.configuration === 'avcC' ? 1 : 0), at - 4)
    const end = names.configuration === 'avcC' ? rest + 1 : rest
    if (names.configuration === 'avcC') bytes[rest] = 0
    bytes.writeUInt32BE(at - 4 + length - end, end)
    bytes.write('free', end + 4, 'latin1')
    bytes.write(names.to, bytes.indexOf(names.from, bytes.indexOf('stsd')), 'latin1')
    await writeFile(path, bytes)
  }

/** Cuts a second out of the middle of a video, with an edit list. */
const cutInTheMiddle: Maker = async (path) => {
  await ffmpeg([...videoInput({ seconds: 2 }), ...h264, path])
  const bytes = await readFile(path)
  const scale = bodyOf(bytes, 'moov/trak/mdia/mdhd').readUInt32BE(12)
  const edits = table('elst', 2, 500, 0, 0x10000, 500, 1.5 * scale, 0x10000)
  await writeFile(path, replaceBox(bytes, 'moov/trak/edts/elst', edits))
}

/** Starts a copy of a file at a time between two key frames: an edit list hides the frames before it. */
const cutAtStart: Maker = async (path) => {
  const whole = `${path}.whole.mp4`
  await ffmpeg([...inputs({ seconds: 2 }), ...h264, ...aac, whole])
  await ffmpeg(['-ss', '0.48', '-i', whole, '-c', 'copy', path])
  await rm(whole)
}

export const copies: Makers = {
  'two-descriptions.mp4': combine('mp4', variants, (path, [first, second]) =>
    writeFile(path, joinTracks(first ?? Buffer.alloc(0), second ?? Buffer.alloc(0))),
  ),
  'parameters-change.mkv': combine('h264', variants, async (path, parts) => {
    await writeFile(`${path}.h264`, Buffer.concat(parts))
    await ffmpeg(['-i', `${path}.h264`, '-c', 'copy', path])
    await rm(`${path}.h264`)
  }),
  'avc3.mp4': inBand([...h264, '-x264-params', 'repeat-headers=1'], {
    from: 'avc1',
    to: 'avc3',
    configuration: 'avcC',
    sets: 6,
  }),
  'cut-in-the-middle.mp4': cutInTheMiddle,
  'cut-at-start.mp4': cutAtStart,
}

/** HEVC with parameter sets in front of its key frames, and with or without them in the container. */
export const inBandHevc: Readonly<Record<string, Maker>> = {
  'hev1.mp4': inBand([...x265, '-x265-params', 'log-level=none:repeat-headers=1'], {
    from: 'hev1',
    to: 'hev1',
    configuration: 'hvcC',
    sets: 23,
  }),
  'repeated.mp4': encode(videoInput(short), x265, '-x265-params', 'log-level=none:repeat-headers=1'),
}

/** Text in the units of private data. */
export const SECRET = 'lat=48.8584 lon=2.2945'
const userData = `sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+${SECRET}`

/** Videos with private data among the frames, which a copy would contain. */
export const privateUnits: Makers = {
  'user-data.mp4': encode(inputs(short), h264, aac, '-bsf:v', `h264_metadata=${userData}`),
  'user-data.mkv': encode(inputs(short), h264, aac, '-bsf:v', `h264_metadata=${userData}`),
}
