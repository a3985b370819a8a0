import { open, type FileHandle } from 'node:fs/promises'
import { MediadError } from 'mediad'
import { getContent, listBoxes, readBox, readTopBoxes, type Box, type TopBox } from './boxes.ts'
import { findInVideo, toChannels, toCodecString, type SampleEntry } from './codecs.ts'
import { parseFragment, type Defaults, type Durations, type Fragment } from './fragment.ts'

/** A range of bytes of a file. */
export type Range = { readonly offset: number; readonly sizeBytes: number }

/** A fragmented MP4 file with one track, as its boxes describe it. */
export type Track = {
  /** RFC 6381 string of the codec. */
  readonly codec: string
  /** Ticks per second of all times. */
  readonly timescale: number
  /** ISO 639-2 code of three letters; absent when undetermined. */
  readonly language?: string
  /** `ftyp` and `moov`, which a player needs before any fragment. */
  readonly init: Range
  /** The `sidx` box; null when the file has none. */
  readonly index: Range | null
  readonly fragments: readonly Fragment[]
  readonly sizeBytes: number
  /** Duration from the first decode time to the end of the last sample, in seconds. */
  readonly seconds: number
  readonly samples: number
  readonly video?: VideoTrack
  readonly audio?: { readonly channels: number; readonly sampleRate: number }
}

type VideoTrack = {
  /** Size in pixels, as coded. */
  readonly width: number
  readonly height: number
  /** Frame rate: that of most frames, else the average; `numerator` over `denominator`. */
  readonly rate: { readonly numerator: number; readonly denominator: number }
  readonly range: 'SDR' | 'HLG' | 'PQ'
}

/** Returns the time at which the last sample of a track ends, in seconds. Audio can start a little later than at 0. */
export function toEndSeconds({ fragments, timescale, seconds }: Track): number {
  return (fragments[0]?.start ?? 0) / timescale + seconds
}

/**
 * Reads the boxes of a fragmented MP4 file with one track. Only headers are read, not the media.
 *
 * @throws MediadError `internal.output` for a file of another kind
 */
export async function readTrack(path: string): Promise<Track> {
  await using file = await open(path)
  try {
    return await read(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new MediadError('internal.output', `the file is not a fragmented MP4 with one track: ${reason}`, {
      cause: error,
    })
  }
}

async function read(file: FileHandle): Promise<Track> {
  const boxes = await readTopBoxes(file)
  const moov = boxes.find(({ type }) => type === 'moov')
  if (moov === undefined) throw new Error('the box "moov" is missing')
  const { content } = await readBox(file, moov)
  const header = parseHeader(content)
  const durations: Durations = new Map()
  const fragments = await readFragments(file, boxes, { defaults: header.defaults, durations })
  const [first, last] = [fragments[0], fragments.at(-1)]
  if (first === undefined || last === undefined) throw new Error('it has no fragments')
  const index = boxes.find(({ type }) => type === 'sidx')
  const { timescale } = header
  const ticks = last.start + last.duration - first.start
  const samples = fragments.reduce((sum, one) => sum + one.samples, 0)
  const rate = toRate(durations, { samples, ticks, timescale })
  return {
    codec: toCodecString(header.entry),
    timescale,
    ...(header.language !== 'und' && { language: header.language }),
    init: { offset: 0, sizeBytes: moov.offset + moov.sizeBytes },
    index: index === undefined ? null : { offset: index.offset, sizeBytes: index.sizeBytes },
    fragments,
    sizeBytes: (await file.stat()).size,
    seconds: ticks / timescale,
    samples,
    ...(header.handler === 'vide' ? { video: { ...toVideo(header.entry), rate } } : { audio: toAudio(header.entry) }),
  }
}

async function readFragments(
  file: FileHandle,
  boxes: readonly TopBox[],
  settings: { defaults: Defaults; durations: Durations },
): Promise<Fragment[]> {
  const fragments: Fragment[] = []
  for (const [at, box] of boxes.entries()) {
    if (box.type !== 'moof') continue
    const mdat = boxes[at + 1]
    if (mdat?.type !== 'mdat') throw new Error(`the fragment at ${box.offset} has no "mdat"`)
    const { content } = await readBox(file, box)
    const parsed = parseFragment(content, { ...settings, offset: box.offset })
    fragments.push({ ...parsed, sizeBytes: box.sizeBytes + mdat.sizeBytes })
  }
  return fragments
}

type Header = { entry: SampleEntry; timescale: number; language: string; handler: string; defaults: Defaults }

function parseHeader(moov: Buffer): Header {
  const tracks = listBoxes(moov).filter(({ type }) => type === 'trak')
  const [trak] = tracks as [Box]
  if (tracks.length !== 1) throw new Error(`it has ${tracks.length} tracks`)
  const mdhd = getContent(trak.content, ['mdia', 'mdhd'])
  const isLong = mdhd[0] === 1
  const stsd = getContent(trak.content, ['mdia', 'minf', 'stbl', 'stsd'])
  const [entry] = listBoxes(stsd, 8)
  if (entry === undefined) throw new Error('it has no sample entry')
  const trex = getContent(moov, ['mvex', 'trex'])
  return {
    entry,
    timescale: mdhd.readUInt32BE(isLong ? 20 : 12),
    language: toLanguage(mdhd.readUInt16BE(isLong ? 32 : 20)),
    handler: getContent(trak.content, ['mdia', 'hdlr']).toString('latin1', 8, 12),
    defaults: { duration: trex.readUInt32BE(12), size: trex.readUInt32BE(16), flags: trex.readUInt32BE(20) },
  }
}

/** Three letters with 5 bits each. */
function toLanguage(packed: number): string {
  return String.fromCharCode(...[10, 5, 0].map((shift) => ((packed >> shift) & 0x1f) + 0x60))
}

function toVideo(entry: SampleEntry): Omit<VideoTrack, 'rate'> {
  const colr = findInVideo(entry, 'colr')
  const transfer = colr?.toString('latin1', 0, 4) === 'nclx' ? colr.readUInt16BE(6) : null
  const range = transfer === 16 ? 'PQ' : transfer === 18 ? 'HLG' : 'SDR'
  return { width: entry.content.readUInt16BE(24), height: entry.content.readUInt16BE(26), range }
}

function toAudio(entry: SampleEntry): NonNullable<Track['audio']> {
  return { channels: toChannels(entry), sampleRate: entry.content.readUInt32BE(24) / 0x1_0000 }
}

/** Share of the frames that must have one duration for the rate to count as constant. */
const CONSTANT_SHARE = 0.9

function toRate(
  durations: Durations,
  { samples, ticks, timescale }: { samples: number; ticks: number; timescale: number },
): VideoTrack['rate'] {
  const [[duration = 0, count = 0] = []] = [...durations].toSorted((a, b) => b[1] - a[1])
  const isConstant = duration > 0 && count >= CONSTANT_SHARE * samples
  return isConstant
    ? { numerator: timescale, denominator: duration }
    : { numerator: samples * timescale, denominator: ticks }
}
