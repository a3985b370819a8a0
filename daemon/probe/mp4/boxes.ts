import { readAt, type OpenFile } from '../bytes.ts'

/** Facts about an MP4 that ffprobe does not report. */
export type Boxes = {
  /** Major brand, four characters such as `isom` or `heic`; null when the file is not an MP4. */
  readonly brand: string | null
  /** The movie box (`moov`), which video and audio have; null without one, as in HEIF images. */
  readonly movie: Span | null
  /**
   * Whether a track is encrypted by one of its sample entries: `encv` or `enca` (ISO/IEC 14496-12, 8.12), `drmi` or `drms`
   * (FairPlay), `aavd` (Audible).
   */
  readonly encrypted: boolean
  /** Whether the file ends inside its last `mdat`, `moof` or `moov` box. */
  readonly truncated: boolean
  /**
   * Duration of the file according to its movie header (`mvhd`); null when unknown. ffprobe 5 reports this value, later
   * versions the duration of the longest track, which is counted in decoding order.
   */
  readonly durationSeconds: number | null
}

/** A box of an MP4 (ISO/IEC 14496-12, 4.2). */
export type Box = {
  readonly type: string
  /** Offset of the content, behind the box header. */
  readonly start: number
  readonly end: number
  /** Whether the box ends within its parent. */
  readonly isComplete: boolean
}
export type Span = Pick<Box, 'start' | 'end'>

/** Limit of boxes read per walk: more than a valid file has before its tracks. A hostile file can have millions. */
export const MAX_BOXES = 20_000

/** One walk through the boxes of a file, with the number of boxes that it can still read. */
export type Walk = { readonly file: OpenFile; left: number }

/** Path from the movie box to the sample description of each track. */
const descriptionPath = ['trak', 'mdia', 'minf', 'stbl', 'stsd']

/** Reads the boxes of an MP4. Never throws because of the content: for a file that is not an MP4 all facts are empty. */
export async function readBoxes(file: OpenFile): Promise<Boxes> {
  const top = await listBoxes({ file, left: MAX_BOXES }, { start: 0, end: file.size })
  if (top[0]?.type !== 'ftyp') return noBoxes
  const brand = await readType(file, top[0].start)
  const movie = top.find(({ type }) => type === 'moov') ?? null
  const descriptions = await findBoxes({ file, left: MAX_BOXES }, movie, descriptionPath)
  const [header] = await findBoxes({ file, left: MAX_BOXES }, movie, ['mvhd'])
  const entries = await listEntries({ file, left: MAX_BOXES }, descriptions)
  const last = top.at(-1)
  return {
    brand,
    movie,
    encrypted: entries.some((type) => encryptedEntries.has(type)),
    truncated: last !== undefined && !last.isComplete && ['mdat', 'moof', 'moov'].includes(last.type),
    durationSeconds: header === undefined ? null : toDuration(await readStart(file, header, MOVIE_HEADER_BYTES)),
  }
}

const noBoxes: Boxes = { brand: null, movie: null, encrypted: false, truncated: false, durationSeconds: null }

/** Types of sample entries of encrypted tracks. */
const encryptedEntries: ReadonlySet<string> = new Set(['encv', 'enca', 'drmi', 'drms', 'aavd'])

/** Offset of the first entry in `stsd`: after version and flags (4) and the entry count (4). */
const FIRST_ENTRY = 8

/** Lists the types of all sample entries: a track can begin without encryption. */
async function listEntries(walk: Walk, descriptions: readonly Span[]): Promise<string[]> {
  const types: string[] = []
  for (const { start, end } of descriptions)
    types.push(...(await listBoxes(walk, { start: start + FIRST_ENTRY, end })).map(({ type }) => type))
  return types
}

/** Bytes of `mvhd` that are read: version and flags (4), two dates, the time scale (4), the duration. */
const MOVIE_HEADER_BYTES = 32

/** Returns the duration in seconds; null when it is unknown: 0, or all bits set. */
function toDuration(header: Buffer): number | null {
  const clock = header.length < MOVIE_HEADER_BYTES ? null : toClock(header)
  const isKnown = clock && clock.duration > 0 && clock.duration < (header[0] === 1 ? 2 ** 63 : 0xff_ff_ff_ff)
  return isKnown ? clock.duration / clock.timescale : null
}

/**
 * Reads time scale and duration of `mvhd` or `mdhd`, whose dates and duration have 8 bytes in version 1 and 4 in version 0.
 * Null for a box that is too short or has no time scale.
 */
export function toClock(header: Buffer): { timescale: number; duration: number } | null {
  const isLong = header[0] === 1
  if (header.length < (isLong ? 32 : 20)) return null
  const timescale = header.readUInt32BE(isLong ? 20 : 12)
  const duration = isLong ? Number(header.readBigUInt64BE(24)) : header.readUInt32BE(16)
  return timescale === 0 ? null : { timescale, duration }
}

/** Finds all boxes under `parent` whose types follow `path`. */
export async function findBoxes(walk: Walk, parent: Span | null, path: readonly string[]): Promise<Box[]> {
  const [step, ...rest] = path
  if (parent === null) return []
  const found = (await listBoxes(walk, parent)).filter(({ type }) => type === step)
  if (rest.length === 0) return found
  const deeper: Box[] = []
  for (const box of found) deeper.push(...(await findBoxes(walk, box, rest)))
  return deeper
}

/** Lists the boxes between two offsets, up to the first that is not valid. */
export async function listBoxes(walk: Walk, parent: Span): Promise<Box[]> {
  const boxes: Box[] = []
  for (let at = parent.start; at + 8 <= parent.end && walk.left > 0;) {
    walk.left--
    const head = await readAt(walk.file, at, 16)
    if (head.length < 8) break
    const short = head.readUInt32BE(0)
    const [header, size] = short === 1 && head.length === 16 ? [16, Number(head.readBigUInt64BE(8))] : [8, short]
    const end = short === 0 ? parent.end : at + size // a size of 0 means: to the end of the parent
    if (end < at + header) break
    const type = head.toString('latin1', 4, 8)
    boxes.push({ type, start: at + header, end: Math.min(end, parent.end), isComplete: end <= parent.end })
    at = end
  }
  return boxes
}

async function readType(file: OpenFile, at: number): Promise<string> {
  return (await readAt(file, at, 4)).toString('latin1')
}

/** Reads the first bytes of a box, and none behind its end. */
function readStart(file: OpenFile, { start, end }: Span, length: number): Promise<Buffer> {
  return readAt(file, start, Math.min(length, end - start))
}
