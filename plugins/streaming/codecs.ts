import { findContent, getContent, type Box } from './boxes.ts'

/** A sample entry, the box of `stsd` that describes how a track is coded. */
export type SampleEntry = Box

/** Bytes of a sample entry before the boxes in it. */
const FIELDS = { video: 78, audio: 28 } as const

/** Returns the content of a box inside a sample entry. @throws Error when there is none */
const getInside = (entry: SampleEntry, kind: keyof typeof FIELDS, type: string): Buffer =>
  getContent(entry.content.subarray(FIELDS[kind]), [type])

/** Returns the content of a box inside a sample entry of video; null when there is none. */
export const findInVideo = (entry: SampleEntry, type: string): Buffer | null =>
  findContent(entry.content.subarray(FIELDS.video), [type])

/**
 * Returns the string of a codec as RFC 6381 and the documents of each codec define it, for `CODECS` in HLS and `codecs` in
 * DASH.
 *
 * @throws Error for a sample entry of another codec
 */
export function toCodecString(entry: SampleEntry): string {
  const toString = codecStrings[entry.type]
  if (toString === undefined) throw new Error(`no codec string is known for the sample entry "${entry.type}"`)
  return toString(entry)
}

const codecStrings: Readonly<Record<string, (entry: SampleEntry) => string>> = {
  avc1: (entry) => `avc1.${getInside(entry, 'video', 'avcC').toString('hex', 1, 4)}`,
  hvc1: (entry) => `hvc1.${toHevcProfile(getInside(entry, 'video', 'hvcC'))}`,
  av01: (entry) => `av01.${toAv1Profile(getInside(entry, 'video', 'av1C'))}`,
  vp09: (entry) => `vp09.${toVp9Profile(getInside(entry, 'video', 'vpcC'))}`,
  mp4a: (entry) => `mp4a.${toMpegAudio(getInside(entry, 'audio', 'esds'))}`,
  Opus: () => 'opus',
  fLaC: () => 'fLaC',
  'ac-3': () => 'ac-3',
  'ec-3': () => 'ec-3',
}

/** ISO/IEC 14496-15, annex E.3: profile space and profile, compatibility flags in reverse bit order, tier and level, constraints. */
function toHevcProfile(hvcC: Buffer): string {
  const general = hvcC[1] ?? 0
  const space = ['', 'A', 'B', 'C'][general >> 6]
  const tier = general & 0x20 ? 'H' : 'L'
  const compatibility = reverseBits(hvcC.readUInt32BE(2)).toString(16).toUpperCase()
  const constraints = [...hvcC.subarray(6, 12)].map((byte) => byte.toString(16).toUpperCase())
  while (constraints.at(-1) === '0') constraints.pop()
  return [`${space}${general & 0x1f}`, compatibility, `${tier}${hvcC[12]}`, ...constraints].join('.')
}

function reverseBits(value: number): number {
  let reversed = 0
  for (let bit = 0; bit < 32; bit++) if ((value >>> bit) & 1) reversed += 2 ** (31 - bit)
  return reversed
}

/** AV1 in ISO BMFF, section 5: profile, level and tier, bit depth. */
function toAv1Profile(av1C: Buffer): string {
  const [levels = 0, depths = 0] = [av1C[1], av1C[2]]
  const bits = depths & 0x40 ? (depths & 0x20 ? 12 : 10) : 8
  return `${levels >> 5}.${pad(levels & 0x1f)}${depths & 0x80 ? 'H' : 'M'}.${pad(bits)}`
}

/** VP codec ISO media file format binding: profile, level, bit depth. */
function toVp9Profile(vpcC: Buffer): string {
  const [profile = 0, level = 0, depths = 0] = vpcC.subarray(4)
  return [profile, level, depths >> 4].map(pad).join('.')
}

/** Object type indication, and for MPEG-4 audio the object type of its decoder configuration. */
function toMpegAudio(esds: Buffer): string {
  const { type, specific } = parseMpegAudio(esds)
  if (type !== '40' || specific === null) return type
  const audioType = (specific[0] ?? 0) >> 3
  return `40.${audioType === 31 ? 32 + ((specific.readUInt16BE(0) >> 5) & 0x3f) : audioType}`
}

/** Returns the object type indication in hexadecimal, and the AudioSpecificConfig of MPEG-4 audio. */
function parseMpegAudio(esds: Buffer): { type: string; specific: Buffer | null } {
  const config = findDescriptor(findDescriptor(esds.subarray(4), 0x03)?.subarray(3) ?? EMPTY, 0x04)
  if (config === null) throw new Error('the box "esds" has no decoder configuration')
  return { type: (config[0] ?? 0).toString(16), specific: findDescriptor(config.subarray(13), 0x05) }
}

/** Returns the number of channels of an audio track: that of the decoder configuration, else that of the sample entry. */
export function toChannels(entry: SampleEntry): number {
  if (entry.type === 'mp4a') {
    const { type, specific } = parseMpegAudio(getInside(entry, 'audio', 'esds'))
    const channels = ((specific?.[1] ?? 0) >> 3) & 0xf
    if (type === '40' && channels > 0) return channels === 7 ? 8 : channels
  }
  return entry.content.readUInt16BE(16)
}

const EMPTY = Buffer.alloc(0)

/** Returns the content of the descriptor with a tag. Its size has 7 bits in each byte, as long as the highest bit is set. */
function findDescriptor(bytes: Buffer, tag: number): Buffer | null {
  let at = 0
  while (at < bytes.length) {
    const found = bytes[at++]
    let size = 0
    let byte = 0
    do {
      byte = bytes[at++] ?? 0
      size = (size << 7) | (byte & 0x7f)
    } while (byte & 0x80)
    if (found === tag) return bytes.subarray(at, at + size)
    at += size
  }
  return null
}

const pad = (value: number): string => String(value).padStart(2, '0')
