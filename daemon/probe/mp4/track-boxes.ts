import { readAt, type OpenFile } from '../bytes.ts'
import { isFrameOnly } from './frame-only.ts'
import { findBoxes, listBoxes, MAX_BOXES, toClock, type Box, type Span, type Walk } from './boxes.ts'
import type { AudioStream, Probe, VideoStream } from '../../vocabulary/media.ts'
import { toContainerId } from '../parse.ts'

/** Facts about a track of an MP4 that ffprobe does not report. */
export type TrackBoxes = {
  /** Track id of the header, which ffprobe reports as the id of the stream; null when the header cannot be read. */
  readonly id: number | null
  /** Number of sample descriptions: each frame uses one of them. */
  readonly descriptionCount: number
  /** Parameter sets of H.264 and HEVC in the sample description, in hexadecimal; null without `avcC` or `hvcC`. */
  readonly parameterSets: readonly string[] | null
  /** Whether HEVC promises that the video has no fields; false for other codecs. */
  readonly isFrameOnly: boolean
  /** Whether an edit list leaves out a part of the track, repeats it, or changes its speed. */
  readonly isCut: boolean
  /** Number of frames or packets in the index; null when the file is fragmented, or has no such table. */
  readonly sampleCount: number | null
}

/** Most bytes of a box that are read. Sample descriptions, edit lists and decoder configurations are far smaller. */
const MAX_BYTES = 65_536
/** Largest part at the start or the end that an edit list can leave out by rounding, in seconds. */
const ROUNDING_SECONDS = 0.01
/** Largest part of audio that an edit list leaves out because encoders add it: two packets of AAC with SBR. */
const PRIMING_SECONDS = 0.15
/** Offset of the entries in `stsd`, `elst` and `ctts`: after version and flags (4) and the number of entries (4). */
const ENTRIES = 8
/** Path of the sample tables in a track. */
const TABLES = 'mdia/minf/stbl'
/** Bytes of a video sample entry before its boxes, without the box header. */
const VIDEO_ENTRY_BYTES = 78

/** Reads the tracks in the movie box of an MP4. Never throws because of the content: without a movie there are none. */
export async function readTracks(file: OpenFile, movie: Span | null): Promise<TrackBoxes[]> {
  if (movie === null) return []
  const walk = { file, left: MAX_BOXES }
  const [movieHeader] = await findBoxes(walk, movie, ['mvhd'])
  const movieScale = toClock(await readBody(file, movieHeader))?.timescale ?? 0
  const isFragmented = (await findBoxes(walk, movie, ['mvex'])).length > 0
  const tracks: TrackBoxes[] = []
  for (const track of await findBoxes(walk, movie, ['trak'])) {
    tracks.push({
      id: toTrackId(await readBody(file, await findBox(walk, track, 'tkhd'))),
      ...(await readDescriptions(walk, await findBox(walk, track, `${TABLES}/stsd`))),
      isCut: await readIsCut(walk, { track, movieScale, isFragmented }),
      sampleCount: isFragmented ? null : await readSampleCount(walk, track),
    })
  }
  return tracks
}

/** Adds the facts of the tracks to the streams of a probe, by the ids in ffprobe's JSON. */
export function withTracks(probe: Probe, json: unknown, tracks: readonly TrackBoxes[]): Probe {
  const find = ({ index }: { index: number }): TrackBoxes | undefined => {
    const id = toContainerId(json, index)
    return id === null ? undefined : tracks.find((track) => track.id === id)
  }
  const { video, audio } = probe
  return {
    ...probe,
    video: video && { ...video, ...toVideoFacts(find(video)) },
    audio: audio && { ...audio, ...toFacts(find(audio)) },
  }
}

function toFacts(track: TrackBoxes | undefined): Pick<AudioStream, 'descriptionCount' | 'isCut'> {
  return track ? { descriptionCount: track.descriptionCount, isCut: track.isCut } : {}
}

function toVideoFacts(track: TrackBoxes | undefined): Partial<VideoStream> {
  return { ...toFacts(track), ...(track?.parameterSets && { parameterSets: track.parameterSets }) }
}

async function findBox(walk: Walk, parent: Span, path: string): Promise<Box | undefined> {
  return (await findBoxes(walk, parent, path.split('/')))[0]
}

/** Reads the content of a box, up to {@link MAX_BYTES}; empty without a box. */
async function readBody(file: OpenFile, box: Span | undefined): Promise<Buffer> {
  return box ? await readAt(file, box.start, Math.min(MAX_BYTES, box.end - box.start)) : Buffer.alloc(0)
}

/** Reads the track id of `tkhd`, which follows two dates of 4 bytes, in version 1 of 8 bytes. */
function toTrackId(header: Buffer): number | null {
  const at = header[0] === 1 ? 20 : 12
  return header.length < at + 4 ? null : header.readUInt32BE(at)
}

type Descriptions = Pick<TrackBoxes, 'descriptionCount' | 'parameterSets' | 'isFrameOnly'>

async function readDescriptions(walk: Walk, box: Box | undefined): Promise<Descriptions> {
  const none = { descriptionCount: 0, parameterSets: null, isFrameOnly: false }
  if (!box || box.end - box.start < ENTRIES) return none
  const entries = await listBoxes(walk, { start: box.start + ENTRIES, end: box.end })
  const [first] = entries
  if (!first) return none
  const inner = await listBoxes(walk, { start: first.start + VIDEO_ENTRY_BYTES, end: first.end })
  const configuration = inner.find(({ type }) => type === 'avcC' || type === 'hvcC')
  const bytes = await readBody(walk.file, configuration)
  const sets = configuration?.type === 'avcC' ? toAvcSets(bytes) : toHevcSets(bytes)
  return {
    descriptionCount: entries.length,
    parameterSets: configuration ? sets : null,
    isFrameOnly: configuration?.type === 'hvcC' && isFrameOnly(bytes, sets),
  }
}

/** Returns the parameter sets of `avcC` (ISO/IEC 14496-15, 5.3.3.1.2): a list of SPS, and a list of PPS. */
function toAvcSets(bytes: Buffer): string[] {
  const first = readUnits(bytes, 6, (bytes[5] ?? 0) & 0x1f)
  const second = readUnits(bytes, first.end + 1, bytes[first.end] ?? 0)
  return [...first.units, ...second.units]
}

/** Returns the VPS, SPS and PPS of `hvcC` (ISO/IEC 14496-15, 8.3.3.1.2): arrays, each of units of one type. */
function toHevcSets(bytes: Buffer): string[] {
  const sets: string[] = []
  let at = 23
  for (let left = bytes[22] ?? 0; left > 0 && at + 3 <= bytes.length; left--) {
    const type = (bytes[at] ?? 0) & 0x3f
    const { units, end } = readUnits(bytes, at + 3, bytes.readUInt16BE(at + 1))
    if (type >= 32 && type <= 34) sets.push(...units)
    at = end
  }
  return sets
}

/** Reads units with a length of 2 bytes each. Stops at the first that is incomplete. */
function readUnits(bytes: Buffer, start: number, count: number): { units: string[]; end: number } {
  const units: string[] = []
  let at = start
  for (let left = count; left > 0 && at + 2 <= bytes.length; left--) {
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) return { units, end: bytes.length }
    units.push(bytes.toString('hex', at + 2, end))
    at = end
  }
  return { units, end: at }
}

/** Reads the number of samples from `stsz` or `stz2`, which have it after version, flags and a size of 4 bytes. */
async function readSampleCount(walk: Walk, track: Box): Promise<number | null> {
  const table = (await findBox(walk, track, `${TABLES}/stsz`)) ?? (await findBox(walk, track, `${TABLES}/stz2`))
  if (!table || table.end - table.start < 12) return null
  const bytes = await readAt(walk.file, table.start + 8, 4)
  return bytes.length < 4 ? null : bytes.readUInt32BE(0)
}

type Edit = { readonly seconds: number; readonly mediaTime: number; readonly rate: number }

/**
 * Reads the edit list of a track, and whether it leaves out more than the delay of reordered frames, or of the encoder of the
 * audio. An edit with media time -1 only delays the track.
 */
async function readIsCut(
  walk: Walk,
  { track, movieScale, isFragmented }: { track: Box; movieScale: number; isFragmented: boolean },
): Promise<boolean> {
  const list = await findBox(walk, track, 'edts/elst')
  const clock = toClock(await readBody(walk.file, await findBox(walk, track, 'mdia/mdhd')))
  if (!list || !clock) return false
  const edits = toEdits(await readBody(walk.file, list), movieScale).filter(({ mediaTime }) => mediaTime !== -1)
  const [edit] = edits
  if (!edit) return false
  if (edits.length > 1 || edit.rate !== 1) return true
  const handler = (await readBody(walk.file, await findBox(walk, track, 'mdia/hdlr'))).toString('latin1', 8, 12)
  const isAudio = handler === 'soun'
  const first = isAudio ? 0 : toFirstOffset(await readBody(walk.file, await findBox(walk, track, `${TABLES}/ctts`)))
  const start = (edit.mediaTime - first) / clock.timescale
  // the index of a fragmented file lists no frames: their offsets are unknown, and so is the end
  const tolerance = isAudio || isFragmented ? PRIMING_SECONDS : ROUNDING_SECONDS
  const rest = (clock.duration - edit.mediaTime) / clock.timescale
  return start > tolerance || (!isFragmented && edit.seconds > 0 && rest - edit.seconds > tolerance)
}

/** Parses `elst`: duration, media time and rate of each entry, with 8 bytes for the first two in version 1. */
function toEdits(bytes: Buffer, movieScale: number): Edit[] {
  const isLong = bytes[0] === 1
  const size = isLong ? 20 : 12
  const count =
    bytes.length < ENTRIES ? 0 : Math.min(bytes.readUInt32BE(4), Math.floor((bytes.length - ENTRIES) / size))
  return Array.from({ length: count }, (_, n) => {
    const at = ENTRIES + n * size
    const duration = isLong ? Number(bytes.readBigUInt64BE(at)) : bytes.readUInt32BE(at)
    const mediaTime = isLong ? Number(bytes.readBigInt64BE(at + 8)) : bytes.readInt32BE(at + 4)
    const rate = bytes.readInt32BE(at + size - 4) / 0x10000
    return { seconds: movieScale === 0 ? 0 : duration / movieScale, mediaTime, rate }
  })
}

/** Reads the presentation offset of the first frame from `ctts`; 0 when all are presented in decoding order. */
function toFirstOffset(bytes: Buffer): number {
  return bytes.length < ENTRIES + 8 || bytes.readUInt32BE(4) === 0 ? 0 : bytes.readInt32BE(ENTRIES + 4)
}
