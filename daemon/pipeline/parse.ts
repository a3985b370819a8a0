import type { AudioStream, Probe, VideoStream } from './media.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * Turns ffprobe's JSON into a {@link Probe}. Total: whatever is missing, `N/A`, `0/0`, absurd or of another type
 * becomes null or 0, never NaN, and nothing throws.
 */
export function parseProbe(json: unknown, sizeBytes: number): Probe {
  const format = toFields(toFields(json).format)
  const streams = toStreams(json)
  const video = streams.find((stream) => isVideo(stream) && toCodec(stream) !== null)
  const audios = streams.filter((stream) => isAudio(stream) && toCodec(stream) !== null)
  const audio = audios.find((stream) => toFields(stream.disposition).default === 1) ?? audios[0]
  return {
    format: toText(format.format_name) ?? '',
    durationSeconds: toSeconds(format.duration),
    sizeBytes,
    video: video ? toVideo(video) : null,
    audio: audio ? toAudio(audio) : null,
    streamCount: streams.length,
  }
}

/** What streams are coded as whose codec this ffmpeg does not know: the first of each kind, by its four letters. */
export type Unreadable = { readonly video: string | null; readonly audio: string | null }

/** Finds the streams that {@link parseProbe} passes over because ffprobe has no name for their codec. */
export function findUnreadable(json: unknown): Unreadable {
  const unknown = toStreams(json).filter((stream) => toCodec(stream) === null)
  return { video: toTag(unknown.find(isVideo)), audio: toTag(unknown.find(isAudio)) }
}

function toTag(stream: Fields | undefined): string | null {
  return stream ? (toText(stream.codec_tag_string) ?? 'something unknown') : null
}

function toVideo(stream: Fields): VideoStream {
  const transfer = toText(stream.color_transfer)
  return {
    index: toWhole(stream.index),
    codec: toCodec(stream) ?? '',
    width: toWhole(stream.width),
    height: toWhole(stream.height),
    rotation: toRotation(stream),
    pixelFormat: toText(stream.pix_fmt),
    framesPerSecond: toRate(stream.avg_frame_rate) ?? toRate(stream.r_frame_rate),
    durationSeconds: toSeconds(stream.duration),
    pixelAspect: toAspect(stream.sample_aspect_ratio),
    interlaced: ['tt', 'bb', 'tb', 'bt'].includes(toText(stream.field_order) ?? ''),
    ...(transfer !== null && { transfer }),
  }
}

function toAudio(stream: Fields): AudioStream {
  return {
    index: toWhole(stream.index),
    codec: toCodec(stream) ?? '',
    channels: toWhole(stream.channels),
    sampleRate: toWhole(stream.sample_rate),
    durationSeconds: toSeconds(stream.duration),
  }
}

/**
 * ffprobe tells the display matrix's turn counter-clockwise, the old `rotate` tag is clockwise. Turns that are no
 * quarter, and the -9.2e18 of a broken matrix, count as none: a player shows those upright or not at all.
 */
function toRotation(stream: Fields): VideoStream['rotation'] {
  const list = Array.isArray(stream.side_data_list) ? stream.side_data_list : []
  const matrix = list.map((data) => toNumber(toFields(data).rotation)).find((degrees) => degrees !== null)
  const clockwise = matrix === undefined ? toNumber(toFields(stream.tags).rotate) : -matrix
  if (clockwise === null || Math.abs(clockwise) > 3600) return 0
  const turn = ((Math.round(clockwise) % 360) + 360) % 360
  return turn === 90 || turn === 180 || turn === 270 ? turn : 0
}

/** Shapes of pixels beyond 1:10 exist in broken files only. */
function toAspect(value: unknown): number {
  const ratio = toRatio(value, ':')
  return ratio !== null && ratio >= 0.1 && ratio <= 10 ? ratio : 1
}

function toRate(value: unknown): number | null {
  return toRatio(value, '/')
}

function toRatio(value: unknown, separator: string): number | null {
  const [above, below, rest] = typeof value === 'string' ? value.split(separator).map(Number) : []
  if (above === undefined || below === undefined || rest !== undefined) return null
  const ratio = above / below
  return Number.isFinite(ratio) && ratio > 0 ? ratio : null
}

function toSeconds(value: unknown): number | null {
  const seconds = toNumber(value)
  return seconds !== null && seconds > 0 ? seconds : null
}

function toWhole(value: unknown): number {
  const number = toNumber(value)
  return number !== null && Number.isSafeInteger(number) && number > 0 ? number : 0
}

function toNumber(value: unknown): number | null {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  return Number.isFinite(number) ? number : null
}

function toCodec(stream: Fields): string | null {
  return toText(stream.codec_name)
}

/** ffprobe writes `unknown` or `N/A` where it knows nothing. */
function toText(value: unknown): string | null {
  return typeof value === 'string' && !['', 'N/A', 'unknown', '[0][0][0][0]'].includes(value) ? value : null
}

function isVideo(stream: Fields): boolean {
  return stream.codec_type === 'video' && toFields(stream.disposition).attached_pic !== 1
}

function isAudio(stream: Fields): boolean {
  return stream.codec_type === 'audio'
}

function toStreams(json: unknown): readonly Fields[] {
  const { streams } = toFields(json)
  return Array.isArray(streams) ? streams.map(toFields) : []
}

function toFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}
