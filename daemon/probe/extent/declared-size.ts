import { readAt, type OpenFile } from '../bytes.ts'
import { readSegmentEnd } from './segment.ts'

/** What the header of a file states about its size. `readBoxes` reads the same of MP4. */
export type DeclaredSize = {
  /** Size of the file in bytes; null when the header has none, or one that nobody has to find in the file. */
  readonly bytes: number | null
  /** Whether the header was written before the size was known, and never completed: it states no sizes and durations. */
  readonly isStreamed: boolean
  /** Whether the file has every byte that the header states. False when it states none. */
  readonly isWhole: boolean
}

/** Number of bytes read from the start of a file: enough for the first objects of an ASF file. */
const HEAD_BYTES = 8192

/** https://learn.microsoft.com/en-us/windows/win32/medfound/asf-file-structure: GUIDs of objects, in file byte order. */
const ASF_HEADER = Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex')
const ASF_FILE_PROPERTIES = Buffer.from('a1dcab8c47a9cf118ee400c00c205365', 'hex')
/** Offset of the file size in the file properties: after the GUID (16), the object size (8) and the file's GUID (16). */
const ASF_SIZE_OFFSET = 40

const nothing: DeclaredSize = { bytes: null, isStreamed: false, isWhole: false }
const streamed: DeclaredSize = { bytes: null, isStreamed: true, isWhole: false }

/**
 * Reads the size that the header of a file declares: that of AVI and WAV (RIFF), AIFF, CAF, Matroska, WMV and WMA (ASF). Never
 * throws because of the content. For Matroska, `bytes` is null, because ffmpeg's demuxer reports where such a file is
 * truncated, and it can lack its index without lacking media.
 */
export async function readDeclaredSize(file: OpenFile): Promise<DeclaredSize> {
  const { size } = file
  const head = await readAt(file, 0, HEAD_BYTES)
  if (head.length < 16) return nothing
  const type = head.toString('latin1', 0, 4)
  const form = head.toString('latin1', 8, 12)
  if (['RIFF', 'RF64', 'BW64'].includes(type) && form === 'WAVE') return await readWave(file, size)
  if (type === 'RIFF') return await readAvi(file, size)
  if (type === 'FORM' && form.startsWith('AIF')) return await readAiff(file, size)
  if (type === 'caff') return await readCaf(file, size)
  const segmentEnd = readSegmentEnd(head)
  if (segmentEnd !== null) return { ...nothing, isWhole: segmentEnd <= size }
  if (!head.subarray(0, 16).equals(ASF_HEADER)) return nothing
  const at = head.indexOf(ASF_FILE_PROPERTIES)
  if (at < 0 || at + ASF_SIZE_OFFSET + 8 > head.length) return nothing
  return toSize(Number(head.readBigUInt64LE(at + ASF_SIZE_OFFSET)), { uncounted: 0, size })
}

/**
 * Returns the declared size of a WAV. Its data chunk counts; the size of the whole is often wrong. RF64 and BW64 have their
 * sizes in a chunk `ds64`.
 */
async function readWave(file: OpenFile, size: number): Promise<DeclaredSize> {
  let long: number | null = null
  for await (const { type, start, length } of listChunks(file, { from: 12, lengths: 'little' })) {
    if (type === 'ds64') long = await readLong(file, start + 8)
    if (type !== 'data') continue
    const bytes = length === 0xffff_ffff && long !== null ? long : length
    return start + bytes <= size
      ? { bytes: size, isStreamed: bytes === 0 && start < size, isWhole: true }
      : toSize(bytes, { uncounted: start, size })
  }
  return nothing
}

/** Returns the declared size of an AVI. A large one consists of several RIFF chunks. */
async function readAvi(file: OpenFile, size: number): Promise<DeclaredSize> {
  let declared = nothing
  for await (const { type, start, length } of listChunks(file, { from: 0, lengths: 'little' })) {
    if (type === 'RIFF') declared = toSize(length, { uncounted: start, size })
    if (type !== 'RIFF' || declared.isStreamed) break
  }
  return declared
}

async function readAiff(file: OpenFile, size: number): Promise<DeclaredSize> {
  for await (const { type, start, length } of listChunks(file, { from: 12, lengths: 'big' }))
    if (type === 'SSND') return toSize(length, { uncounted: start, size })
  return nothing
}

async function readCaf(file: OpenFile, size: number): Promise<DeclaredSize> {
  for await (const { type, start, length } of listChunks(file, { from: 8, lengths: 'long' }))
    if (type === 'data') return length < 0 ? streamed : toSize(length, { uncounted: start, size })
  return nothing
}

type Chunk = { readonly type: string; readonly start: number; readonly length: number }

/** Limit of chunks read before the media data. A hostile file can have millions. */
const MAX_CHUNKS = 1000

/** How the length of a chunk is stored: RIFF in 32 bits, little-endian; AIFF big-endian; CAF in 64 bits, big-endian. */
type Lengths = 'little' | 'big' | 'long'

/** Yields the chunks of a file, in order. */
async function* listChunks(file: OpenFile, list: { from: number; lengths: Lengths }): AsyncGenerator<Chunk> {
  const headBytes = list.lengths === 'long' ? 12 : 8
  for (let at = list.from, n = 0; n < MAX_CHUNKS; n++) {
    const head = await readAt(file, at, headBytes)
    if (head.length < headBytes) return
    const length = readLength(head, list.lengths)
    const start = at + headBytes
    yield { type: head.toString('latin1', 0, 4), start, length }
    if (length < 0) return
    at = start + length + (list.lengths === 'long' ? 0 : length % 2)
    if (!Number.isSafeInteger(at)) return
  }
}

function readLength(head: Buffer, lengths: Lengths): number {
  if (lengths === 'long') return Number(head.readBigInt64BE(4))
  return lengths === 'big' ? head.readUInt32BE(4) : head.readUInt32LE(4)
}

async function readLong(file: OpenFile, at: number): Promise<number | null> {
  const bytes = await readAt(file, at, 8)
  return bytes.length < 8 ? null : Number(bytes.readBigUInt64LE(0))
}

/** Adds the bytes that a size field does not count. */
function toSize(bytes: number, { uncounted, size }: { uncounted: number; size: number }): DeclaredSize {
  const end = bytes + uncounted
  if (isPlaceholder(bytes) && (bytes === 0 || end > size)) return streamed
  return { bytes: end, isStreamed: false, isWhole: end <= size }
}

/**
 * Round numbers that placeholders stand for, and how far placeholders are from them, by the size of a header or of a block. A
 * true size is one by a chance of 1 to 300.
 */
const roundNumbers = [
  { unit: 2 ** 28, slack: 2 ** 16 },
  { unit: 10 ** 8, slack: 2 ** 16 },
  { unit: 2 ** 24, slack: 2 ** 12 },
] as const
const SMALLEST_PLACEHOLDER = 2 ** 28

/**
 * Whether a size is one that programs write while they do not know it: 0, or a round number of at least 256 MiB, such as
 * 0xffffffff, 0x7ffff000, 0x7f000000 and 2000000000.
 */
export function isPlaceholder(bytes: number): boolean {
  if (bytes === 0) return true
  return roundNumbers.some(({ unit, slack }) => {
    const multiple = Math.round(bytes / unit) * unit
    return multiple >= SMALLEST_PLACEHOLDER && Math.abs(bytes - multiple) <= slack
  })
}
