import { open, type FileHandle } from 'node:fs/promises'
import { readTracks, type TrackBoxes } from './track-boxes.ts'
import { findBoxes, listBoxes, MAX_BOXES, readAt } from './walk.ts'

/** Facts about an MP4 that ffprobe does not report. */
export type Boxes = {
  /** Major brand, four characters such as `isom` or `heic`; null when the file is not an MP4. */
  readonly brand: string | null
  /** Whether it has a movie box (`moov`): video and audio have one, HEIF images have none. */
  readonly hasMovie: boolean
  /** Whether a track is encrypted: its sample entry is `encv` or `enca` (ISO/IEC 14496-12, 8.12). */
  readonly encrypted: boolean
  /** Whether the file ends inside its last `mdat`, `moof` or `moov` box. */
  readonly truncated: boolean
  /**
   * Duration of the file according to its movie header (`mvhd`); null when unknown. ffprobe 5 reports this value, later
   * versions the duration of the longest track, which is counted in decoding order.
   */
  readonly durationSeconds: number | null
  /** Its tracks, in the order of the index. */
  readonly tracks: readonly TrackBoxes[]
}

/** Path from the movie box to the sample description of each track. */
const descriptionPath = ['trak', 'mdia', 'minf', 'stbl', 'stsd']

/** Reads the boxes of an MP4. Never throws because of the content: for a file that is not an MP4 all facts are empty. */
export async function readBoxes(path: string): Promise<Boxes> {
  await using file = await open(path)
  const { size } = await file.stat()
  const top = await listBoxes({ file, left: MAX_BOXES }, { start: 0, end: size })
  if (top[0]?.type !== 'ftyp') return noBoxes
  const brand = await readType(file, top[0].start)
  const index = top.find(({ type }) => type === 'moov')
  const descriptions = await findBoxes({ file, left: MAX_BOXES }, index, descriptionPath)
  const [header] = await findBoxes({ file, left: MAX_BOXES }, index, ['mvhd'])
  const entries = await Promise.all(descriptions.map(({ start }) => readType(file, start + ENTRY_TYPE)))
  const last = top.at(-1)
  return {
    brand,
    hasMovie: index !== undefined,
    encrypted: entries.some((type) => type === 'encv' || type === 'enca'),
    truncated: last !== undefined && !last.isComplete && ['mdat', 'moof', 'moov'].includes(last.type),
    durationSeconds: header === undefined ? null : toDuration(await readAt(file, header.start, MOVIE_HEADER_BYTES)),
    tracks: await readTracks(file, index),
  }
}

const noBoxes: Boxes = {
  brand: null,
  hasMovie: false,
  encrypted: false,
  truncated: false,
  durationSeconds: null,
  tracks: [],
}

/** Offset of the first entry's type in `stsd`: after version and flags (4), entry count (4) and entry size (4). */
const ENTRY_TYPE = 12

/** Bytes of `mvhd` that are read: version and flags (4), two dates, the time scale (4), the duration. */
const MOVIE_HEADER_BYTES = 32

/** Reads the duration. Dates and duration have 8 bytes in version 1 and 4 in version 0; all bits set means unknown. */
function toDuration(header: Buffer): number | null {
  if (header.length < MOVIE_HEADER_BYTES) return null
  const isLong = header[0] === 1
  const timescale = header.readUInt32BE(isLong ? 20 : 12)
  const duration = isLong ? Number(header.readBigUInt64BE(24)) : header.readUInt32BE(16)
  const isKnown = timescale > 0 && duration > 0 && duration < (isLong ? 2 ** 63 : 0xff_ff_ff_ff)
  return isKnown ? duration / timescale : null
}

async function readType(file: FileHandle, at: number): Promise<string> {
  return (await readAt(file, at, 4)).toString('latin1')
}
