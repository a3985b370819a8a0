/** Files with copy protection: FairPlay, Audible, scrambled broadcasts, DVDs. */
import { readFile, writeFile } from 'node:fs/promises'
import { ffmpeg } from '../../helpers/media.ts'
import { noise } from './byte-edits.ts'
import { aac, audioInput, encode, h264, inputs, videoInput, type Maker, type Makers } from './files.ts'

const edited =
  (options: readonly string[], change: (bytes: Buffer) => void): Maker =>
  async (path) => {
    await ffmpeg([...options, path])
    const bytes = await readFile(path)
    change(bytes)
    await writeFile(path, bytes)
  }

/** Renames the sample entry of the first track, as copy protection does, and replaces the media data. */
const protect = (from: string, to: string, options: readonly string[]): Maker =>
  edited(options, (bytes) => {
    bytes.write(to, bytes.indexOf(from, bytes.indexOf('stsd')), 'latin1')
    const data = bytes.indexOf('mdat') + 4
    noise(1000).copy(bytes, data)
  })

/** Options of a transport stream with video on PID 0x100 and audio on PID 0x101. */
const broadcast = [...inputs({ seconds: 1 }), ...h264, '-c:a', 'mp2', '-f', 'mpegts']

export type ScrambleOptions = {
  readonly pids: readonly number[]
  /** Whether the packets are only marked, as some receivers leave them. */
  readonly onlyMarked?: boolean
  readonly packetSize?: number
}

/** Scrambles packets of a transport stream: everything behind the header. */
export function scramblePackets(bytes: Buffer, { pids, onlyMarked = false, packetSize = 188 }: ScrambleOptions): void {
  for (let at = packetSize - 188; at + 188 <= bytes.length; at += packetSize) {
    const pid = bytes.readUInt16BE(at + 1) & 0x1fff
    if (!pids.includes(pid)) continue
    const flags = bytes[at + 3] ?? 0
    bytes[at + 3] = flags | 0x80
    const payload = at + 4 + (flags & 0x20 ? 1 + (bytes[at + 4] ?? 0) : 0)
    if (!onlyMarked) noise(at + 188 - payload, at + 1).copy(bytes, payload)
  }
}

/** Options of a program stream with packs of 2048 bytes, as on a DVD. */
const dvd = [
  ...videoInput({ size: '320x240' }),
  ...audioInput(),
  '-c:v',
  'mpeg2video',
  '-b:v',
  '2M',
  '-c:a',
  'mp2',
  '-f',
  'vob',
]

const PACK_BYTES = 2048

/** Scrambles every second video pack of a program stream as CSS does: all but its first 128 bytes. */
export function scramblePacks(bytes: Buffer, { onlyMarked = false } = {}): void {
  for (let at = 0; at + PACK_BYTES <= bytes.length; at += 2 * PACK_BYTES) {
    if (bytes.readUInt32BE(at + 14) !== 0x1e0) continue
    bytes[at + 20] = (bytes[at + 20] ?? 0) | 0x10
    if (!onlyMarked) noise(PACK_BYTES - 128, at + 1).copy(bytes, at + 128)
  }
}

/** An ASF object of content encryption: GUID, size, and four fields of 8 bytes. */
const contentEncryption = Buffer.concat([
  Buffer.from('fbb31122 23bd d211 b4b7 00a0c955fc6e 3800000000000000'.replaceAll(' ', ''), 'hex'),
  ...Array.from({ length: 4 }, () => Buffer.from('0400000061626300', 'hex')),
])

/** Offset of the first object in the header of an ASF file: after its GUID, size and number of objects. */
const FIRST_OBJECT = 30

/** Creates a WMA file whose header has an object of content encryption. */
async function createProtectedWma(path: string): Promise<void> {
  await ffmpeg([...audioInput(), '-c:a', 'wmav2', path])
  const bytes = await readFile(path)
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE(16) + BigInt(contentEncryption.length), 16)
  bytes.writeUInt32LE(bytes.readUInt32LE(24) + 1, 24)
  const parts = [bytes.subarray(0, FIRST_OBJECT), contentEncryption, bytes.subarray(FIRST_OBJECT)]
  await writeFile(path, Buffer.concat(parts))
}

/** Images that only ffmpeg 9 and later decode. */
export const animatedImages: Makers = {
  'animated.webp': encode(videoInput({ fps: 10, seconds: 1 }), '-c:v', 'libwebp_anim', '-loop', '0'),
  'transparent.webp': encode(
    videoInput({ fps: 10, seconds: 1 }),
    ['-vf', 'format=rgba,colorchannelmixer=aa=0.5'],
    ['-c:v', 'libwebp_anim', '-pix_fmt', 'yuva420p'],
  ),
}

export const scrambled: Makers = {
  'protected.wma': createProtectedWma,
  'fairplay.m4a': protect('mp4a', 'drms', [...audioInput(), ...aac]),
  'fairplay.m4v': protect('avc1', 'drmi', [...videoInput(), ...h264, '-f', 'mp4']),
  'audible.aax': protect('mp4a', 'aavd', [...audioInput(), ...aac, '-f', 'mp4']),
  'scrambled.ts': edited(broadcast, (bytes) => scramblePackets(bytes, { pids: [0x100, 0x101] })),
  'scrambled-audio.ts': edited(broadcast, (bytes) => scramblePackets(bytes, { pids: [0x101] })),
  'scrambled-video.ts': edited(broadcast, (bytes) => scramblePackets(bytes, { pids: [0x100] })),
  'scrambled.m2ts': edited([...broadcast, '-mpegts_m2ts_mode', '1'], (bytes) =>
    scramblePackets(bytes, { pids: [0x1011, 0x1100], packetSize: 192 }),
  ),
  'css.vob': edited(dvd, scramblePacks),
}

/** Files with marks that were left over after descrambling. */
export const descrambled: Makers = {
  'marks-left.ts': edited(broadcast, (bytes) => scramblePackets(bytes, { pids: [0x100, 0x101], onlyMarked: true })),
  'marks-left.vob': edited(dvd, (bytes) => scramblePacks(bytes, { onlyMarked: true })),
}
