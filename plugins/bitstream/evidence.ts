import { readFile } from 'node:fs/promises'
import type { FfmpegCommand, VideoStream } from 'mediad'
import { readLeb128, splitObus, splitMessages, splitUnits, withoutZeros, type Message } from './units.ts'

/**
 * What copied video contains besides frames. It decides whether a player decodes the copy as ffmpeg decodes the source, and
 * whether the copy contains private data.
 */
export type Evidence = {
  /** The different parameter sets of H.264 and HEVC, or sequence headers of AV1, in hexadecimal. */
  readonly parameterSets: readonly string[]
  /** Whether there is user data, which can be the position of the camera or a device. */
  readonly isPrivate: boolean
  /** Whether there are messages that the video needs: captions, HDR metadata, points to start decoding at. */
  readonly isNeeded: boolean
}

/** Largest evidence, in bytes. A copy with more of it is re-encoded. */
const MAX_BYTES = 64 * 2 ** 20

type Kinds = {
  /** Filter that puts the parameter sets of the container in front of key frames. */
  readonly expand?: string
  /** Types of the units with parameter sets. */
  readonly sets: string
  /** Types of the units with metadata. */
  readonly metadata: string
  readonly read: (bytes: Buffer) => Evidence
}

/** The codecs of which copies need evidence. VP9 has neither parameter sets nor metadata in its frames. */
const kinds: Readonly<Record<string, Kinds>> = {
  // 24 to 31 have no meaning in H.264, nor have 48 to 61 in HEVC; 62 and 63 are Dolby Vision
  h264: { expand: 'h264_mp4toannexb', sets: '7-8', metadata: '6|24-31', read: readAvc },
  hevc: { expand: 'hevc_mp4toannexb', sets: '32-34', metadata: '39-40|48-61', read: readHevc },
  av1: { sets: '1', metadata: '5', read: readAv1 },
}

/** Whether a copy of the video contains everything, or lacks the units with metadata. */
export type Units = 'all' | 'withoutMetadata'

/** Returns the bitstream filter of a copy; none when it keeps everything. */
export function toCopyFilter({ codec }: VideoStream, units: Units): string[] {
  const filter = toRemoval(codec, units)
  return filter === undefined ? [] : ['-bsf:v', filter]
}

function toRemoval(codec: string, units: Units): string | undefined {
  const known = kinds[codec]
  return known && units === 'withoutMetadata' ? `filter_units=remove_types=${known.metadata}` : undefined
}

/** Returns the bitstream filters that copies of a codec need, for a trial. */
export function toUnitFilters(codec: string): string[] {
  return [kinds[codec]?.expand, toRemoval(codec, 'withoutMetadata')].filter((filter) => filter !== undefined)
}

/** Returns the output that contains the evidence of a copy; null when the codec needs none. */
export function toEvidenceOutput(
  { index, codec }: VideoStream,
  { path, units, metadata }: { path: string; units: Units; metadata: 'drop' | 'keep' },
): FfmpegCommand['outputs'][number] | null {
  const known = kinds[codec]
  if (!known) return null
  const types = [known.sets, ...(metadata === 'drop' ? [known.metadata] : [])].join('|')
  const filters = [toRemoval(codec, units), known.expand, `filter_units=pass_types=${types}`]
  const map = ['-map', `0:${index}`, '-c', 'copy', '-bsf:v', filters.filter((filter) => filter !== undefined).join(',')]
  return { path, options: [...map, '-fs', String(MAX_BYTES), '-f', 'data'], canBeEmpty: true }
}

/** Reads the evidence of a copy; null when it is too large to be complete. */
export async function readEvidence(path: string, { codec }: VideoStream): Promise<Evidence | null> {
  const bytes = await readFile(path)
  return bytes.length >= MAX_BYTES ? null : (kinds[codec]?.read(bytes) ?? null)
}

/**
 * Whether each player decodes a copy correctly: one uses only the parameter sets of the container, another also those among
 * the frames. `inContainer` are the former, null when they are unknown.
 */
export function hasOneMeaning(
  { parameterSets }: Evidence,
  { codec }: VideoStream,
  inContainer: readonly string[] | null,
): boolean {
  if (codec === 'av1') return parameterSets.length <= 1
  if (inContainer === null) return true
  const known = new Set(inContainer.map((set) => withoutZeros(Buffer.from(set, 'hex')).toString('hex')))
  return parameterSets.every((set) => known.has(set))
}

function readAvc(bytes: Buffer): Evidence {
  return readNal(bytes, (unit) => {
    const type = (unit[0] ?? 0) & 0x1f
    if (type === 6) return { messages: splitMessages(unit, 1) }
    return { isSet: type === 7 || type === 8, isUnknown: type >= 24 }
  })
}

function readHevc(bytes: Buffer): Evidence {
  return readNal(bytes, (unit) => {
    const [first = 0, second = 0] = unit
    const type = (first >> 1) & 0x3f
    const layer = ((first & 1) << 5) | (second >> 3)
    if (type === 39 || type === 40) return { messages: splitMessages(unit, 2) }
    // further layers, such as the second eye of stereo video, are not decoded
    return { isSet: type >= 32 && type <= 34 && layer === 0, isUnknown: type >= 48 }
  })
}

type Unit = { isSet?: boolean; isUnknown?: boolean; messages?: Iterable<Message> }

function readNal(bytes: Buffer, parse: (unit: Buffer) => Unit): Evidence {
  const sets = new Set<string>()
  let isPrivate = false
  let isNeeded = false
  for (const bytesOfUnit of splitUnits(bytes)) {
    const { isSet = false, isUnknown = false, messages = [] } = parse(bytesOfUnit)
    if (isSet) sets.add(bytesOfUnit.toString('hex'))
    isPrivate ||= isUnknown
    for (const { type, payload } of messages) {
      isNeeded ||= neededMessages.has(type) || (type === T35 && isShown(payload))
      isPrivate ||= (type === T35 && !isShown(payload)) || (type === UNREGISTERED && !isEncoderSettings(payload))
    }
  }
  return { parameterSets: [...sets], isPrivate, isNeeded }
}

/** SEI messages of ITU-T H.274 and H.264 annex D: user data registered by ITU-T T.35, and unregistered. */
const T35 = 4
const UNREGISTERED = 5
/** Recovery point, frame packing, mastering display, content light level, alternative transfer, ambient viewing. */
const neededMessages: ReadonlySet<number> = new Set([6, 45, 137, 144, 147, 148])

/** Country code 181 (USA) with the provider ATSC and `GA94` (captions, bars) or `DTG1` (active format), or HDR10+. */
const shown = ['b5003147413934', 'b5003144544731', 'b5003c000104'].map((start) => Buffer.from(start, 'hex'))

/** Whether user data of T.35 changes what a player shows. */
function isShown(payload: Buffer): boolean {
  return shown.some((start) => payload.subarray(0, start.length).equals(start))
}

/** Bytes of the UUID in front of unregistered user data. */
const UUID_BYTES = 16
const encoders = new Map([
  ['dc45e9bde6d948b7962cd820d923eeef', /^x264 - core [\x20-\x7e]*\0?$/],
  ['2ca2de09b51747dbbb55a4fe7fc2fc4e', /^x265 \(build [\x20-\x7e]*\0?$/],
])

/** Whether unregistered user data is only the settings of a known encoder. */
function isEncoderSettings(payload: Buffer): boolean {
  const settings = encoders.get(payload.toString('hex', 0, UUID_BYTES))
  return settings?.test(payload.toString('latin1', UUID_BYTES)) === true
}

/** Types of AV1 metadata: content light level, mastering display, scalability, T.35, time code. */
const LIGHT_LEVEL = 1
const MASTERING = 2
const SCALABILITY = 3
const AV1_T35 = 4

function readAv1(bytes: Buffer): Evidence {
  const sets = new Set<string>()
  let isPrivate = false
  let isNeeded = false
  for (const { type, payload } of splitObus(bytes)) {
    if (type === 1) sets.add(payload.toString('hex'))
    if (type !== 5) continue
    const kind = readLeb128(payload, 0)
    const isNeededKind = [LIGHT_LEVEL, MASTERING, SCALABILITY].includes(kind?.value ?? 0)
    const isShownKind = kind?.value === AV1_T35 && isShown(payload.subarray(kind.end))
    isNeeded ||= isNeededKind || isShownKind
    isPrivate ||= !isNeededKind && !isShownKind
  }
  return { parameterSets: [...sets], isPrivate, isNeeded }
}
