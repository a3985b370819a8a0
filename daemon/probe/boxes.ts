import { open, type FileHandle } from 'node:fs/promises'

/** What an mp4 says of itself that ffprobe does not tell. */
export type Boxes = {
  /** The major brand, four letters such as `isom` or `heic`; null when the file is no mp4. */
  readonly brand: string | null
  /** Whether a track is encrypted: its sample entry is `encv` or `enca` (ISO/IEC 14496-12, 8.12). */
  readonly encrypted: boolean
  /** Whether its last box of media or of their index should be longer than the file is. */
  readonly cut: boolean
  /**
   * Length of the whole file as its header (`mvhd`) claims; null when it does not say. ffprobe reports this one until
   * ffmpeg 5, and later the length of the longest track, which counts from decoding to decoding.
   */
  readonly durationSeconds: number | null
}

type Box = {
  readonly type: string
  readonly start: number
  readonly end: number
  /** Whether it ends inside what it lies in. */
  readonly whole: boolean
}
type Span = Pick<Box, 'start' | 'end'>

/** How many boxes are looked at: more than any honest file has on the way to its tracks; a hostile one may have millions. */
const MAX_BOXES = 20_000

/** A walk through the boxes of a file, and how many it may still look at. */
type Walk = { readonly file: FileHandle; left: number }

/** The way from the index to the first sample entry of each track. */
const way = ['trak', 'mdia', 'minf', 'stbl', 'stsd']

/** Walks the boxes of an mp4. Total: what is no mp4, or a broken one, says nothing. */
export async function readBoxes(path: string): Promise<Boxes> {
  await using file = await open(path)
  const { size } = await file.stat()
  const top = await listBoxes({ file, left: MAX_BOXES }, { start: 0, end: size })
  if (top[0]?.type !== 'ftyp') return { brand: null, encrypted: false, cut: false, durationSeconds: null }
  const brand = await readType(file, top[0].start)
  const index = top.find(({ type }) => type === 'moov')
  const tables = await follow({ file, left: MAX_BOXES }, index, way)
  const [header] = await follow({ file, left: MAX_BOXES }, index, ['mvhd'])
  const entries = await Promise.all(tables.map(({ start }) => readType(file, start + ENTRY_TYPE)))
  const last = top.at(-1)
  return {
    brand,
    encrypted: entries.some((type) => type === 'encv' || type === 'enca'),
    cut: last !== undefined && !last.whole && ['mdat', 'moof', 'moov'].includes(last.type),
    durationSeconds: header === undefined ? null : toDuration(await readAt(file, header.start, MOVIE_HEADER_BYTES)),
  }
}

/** In an `stsd`: version and flags (4), entry count (4), the first entry's size (4), its type. */
const ENTRY_TYPE = 12

/** Of an `mvhd`: version and flags (4), two times, the units of a second (4), the length. */
const MOVIE_HEADER_BYTES = 32

/** Times and lengths have 8 bytes in version 1 and 4 in version 0; all bits set means that the length is not known. */
function toDuration(header: Buffer): number | null {
  if (header.length < MOVIE_HEADER_BYTES) return null
  const isLong = header[0] === 1
  const units = header.readUInt32BE(isLong ? 20 : 12)
  const length = isLong ? Number(header.readBigUInt64BE(24)) : header.readUInt32BE(16)
  const isKnown = units > 0 && length > 0 && length < (isLong ? 2 ** 63 : 0xff_ff_ff_ff)
  return isKnown ? length / units : null
}

async function follow(walk: Walk, inside: Span | undefined, steps: readonly string[]): Promise<Box[]> {
  const [step, ...rest] = steps
  if (inside === undefined) return []
  const found = (await listBoxes(walk, inside)).filter(({ type }) => type === step)
  if (rest.length === 0) return found
  const deeper: Box[] = []
  for (const box of found) deeper.push(...(await follow(walk, box, rest)))
  return deeper
}

async function listBoxes(walk: Walk, inside: Span): Promise<Box[]> {
  const boxes: Box[] = []
  for (let at = inside.start; at + 8 <= inside.end && walk.left > 0;) {
    walk.left--
    const head = await readAt(walk.file, at, 16)
    if (head.length < 8) break
    const short = head.readUInt32BE(0)
    const [header, length] = short === 1 && head.length === 16 ? [16, Number(head.readBigUInt64BE(8))] : [8, short]
    const end = short === 0 ? inside.end : at + length // 0: to the end of what it lies in
    if (end < at + header) break
    const type = head.toString('latin1', 4, 8)
    boxes.push({ type, start: at + header, end: Math.min(end, inside.end), whole: end <= inside.end })
    at = end
  }
  return boxes
}

async function readType(file: FileHandle, at: number): Promise<string> {
  return (await readAt(file, at, 4)).toString('latin1')
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at)
  return buffer.subarray(0, bytesRead)
}
