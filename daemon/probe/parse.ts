import {
  toClockSeconds,
  toFields,
  toList,
  toNumber,
  toRatio,
  toSeconds,
  toText,
  toInteger,
  type Fields,
} from './fields.ts'
import { printed } from '../programs/printed-lines.ts'
import type { AudioStream, Probe, SubtitleStream, VideoStream } from '../vocabulary/media.ts'
import { toOrientation, type Orientation } from './orientation.ts'
import { isCover, isDecodable, pick } from './pick.ts'

/**
 * Turns ffprobe's JSON into a {@link Probe}. Total: whatever is missing, `N/A`, `0/0`, absurd or of another type
 * becomes null or 0, never NaN, and nothing throws. `decoders` are those of this ffmpeg.
 */
export function parseProbe(json: unknown, sizeBytes: number, decoders: ReadonlySet<string> = new Set()): Probe {
  const { format: header, streams: list, chapters } = toFields(json)
  const format = toFields(header)
  const streams = toList(list)
  const { video, audio, skipped } = pick(streams)
  return {
    format: toText(format.format_name) ?? '',
    durationSeconds: toWholeLength(format),
    startSeconds: toNumber(format.start_time) ?? 0,
    sizeBytes,
    video: video ? { ...toVideo(video), ...toAlpha(video, decoders) } : null,
    audio: audio ? toAudio(audio) : null,
    subtitles: streams.filter(({ codec_type }) => codec_type === 'subtitle').map(toSubtitle),
    skipped,
    streamCount: streams.length,
    chapterCount: toList(chapters).length,
  }
}

/** Streams whose codec this ffmpeg does not know: the first of each kind, by its four letters. */
export type Unreadable = { readonly video: string | null; readonly audio: string | null }

/** What a stream says that does not say how it is coded. */
export const NAMELESS = ''

/** Finds the streams that {@link parseProbe} passes over because ffprobe has no name for their codec. */
export function findUnreadable(json: unknown): Unreadable {
  const unknown = toList(toFields(json).streams).filter((stream) => !isDecodable(stream) && !isCover(stream))
  const tagOf = (type: string) => {
    const stream = unknown.find(({ codec_type }) => codec_type === type)
    return stream ? (toText(stream.codec_tag_string) ?? NAMELESS) : null
  }
  return { video: tagOf('video'), audio: tagOf('audio') }
}

/**
 * Takes the names of their codecs from the streams that ffprobe knows and this ffmpeg has no decoder for; the name then
 * stands where the four letters stood, for whoever has to be told.
 */
export function withoutUndecodable(json: unknown, stderr: string): unknown {
  const matches = stderr.matchAll(new RegExp(printed.unsupportedCodec.pattern, 'g'))
  const undecodable = new Set(Array.from(matches, ([, index]) => Number(index)))
  const unname = (stream: Fields): Fields => {
    if (!undecodable.has(Number(stream.index))) return stream
    return { ...stream, codec_name: undefined, codec_tag_string: stream.codec_name ?? stream.codec_tag_string }
  }
  const streams = toList(toFields(json).streams).map(unname)
  return { ...toFields(json), streams }
}

/** Dolby Vision whose base layer is no picture that an ordinary screen could show (profile 5, compatibility 0). */
export function isDolbyOnly(json: unknown): boolean {
  const sides = toList(toFields(json).streams).flatMap(({ side_data_list: list }) => toList(list))
  return sides.some((side) => toInteger(side.dv_profile) > 0 && toNumber(side.dv_bl_signal_compatibility_id) === 0)
}

/** The display matrix of a first frame: photos tell their turn there (EXIF). */
export function toFrameOrientation(frames: unknown): Orientation | null {
  const frame = toList(toFields(frames).frames)[0] ?? {}
  return toList(frame.side_data_list).some(({ displaymatrix }) => displaymatrix !== undefined)
    ? toOrientation(frame)
    : null
}

/** Whether a track says that it is encrypted, as Matroska's do. */
export function isEncrypted(json: unknown): boolean {
  return toList(toFields(json).streams).some(({ tags }) => toText(toFields(tags).enc_key_id) !== null)
}

/** Matroska's header, too, tells when the last track ends. */
function toWholeLength(format: Fields): number | null {
  const seconds = toSeconds(format.duration)
  const isEnd = toText(format.format_name)?.startsWith('matroska') === true
  return isEnd && seconds !== null ? toSeconds(seconds - Math.max(0, toNumber(format.start_time) ?? 0)) : seconds
}

function toVideo(stream: Fields): VideoStream {
  const rate = toRatio(stream.avg_frame_rate, '/')
  const maxRate = toRatio(stream.r_frame_rate, '/')
  return {
    index: toInteger(stream.index),
    codec: toText(stream.codec_name) ?? '',
    width: toInteger(stream.width),
    height: toInteger(stream.height),
    ...toOrientation(stream),
    pixelFormat: toText(stream.pix_fmt),
    framesPerSecond: rate ?? maxRate,
    maxFramesPerSecond: maxRate,
    packetCount: toInteger(stream.nb_frames) || null,
    startSeconds: toNumber(stream.start_time) ?? 0,
    durationSeconds: toLength(stream),
    pixelAspect: toAspect(stream.sample_aspect_ratio),
    interlaced: isInterlaced(stream),
    ...withText('profile', stream.profile),
    ...withText('transfer', stream.color_transfer),
    ...withText('primaries', stream.color_primaries),
    ...withText('matrix', stream.color_space),
    ...withText('range', stream.color_range),
  }
}

/** WebM keeps transparency beside the picture, where ffmpeg's own decoders do not look (libavcodec's libvpx does). */
function toAlpha(stream: Fields, decoders: ReadonlySet<string>): Pick<VideoStream, 'decoder' | 'pixelFormat'> | object {
  const decoder = { vp8: 'libvpx', vp9: 'libvpx-vp9' }[toText(stream.codec_name) ?? '']
  if (toNumber(toFields(stream.tags).alpha_mode) !== 1 || decoder === undefined || !decoders.has(decoder)) return {}
  return { decoder, pixelFormat: 'yuva420p' }
}

function toAudio(stream: Fields): AudioStream {
  return {
    index: toInteger(stream.index),
    codec: toText(stream.codec_name) ?? '',
    channels: toInteger(stream.channels),
    sampleRate: toInteger(stream.sample_rate),
    packetCount: toInteger(stream.nb_frames) || null,
    startSeconds: toNumber(stream.start_time) ?? 0,
    durationSeconds: toLength(stream),
    ...withText('profile', stream.profile),
    ...withText('layout', stream.channel_layout),
    ...toLanguage(stream),
  }
}

/** The codecs whose subtitles are text; the names are those of `ffmpeg -codecs`. */
const textCodecs: ReadonlySet<string> = new Set(
  'subrip srt ass ssa mov_text webvtt text microdvd mpl2 jacosub sami realtext stl subviewer subviewer1 vplayer'.split(
    ' ',
  ),
)

function toSubtitle(stream: Fields): SubtitleStream {
  const codec = toText(stream.codec_name) ?? 'unknown'
  return { index: toInteger(stream.index), codec, isText: textCodecs.has(codec), ...toLanguage(stream) }
}

/** Half-pictures, or a codec that may hold them and does not say. */
function isInterlaced({ field_order: order, codec_name: codec }: Fields): boolean {
  const named = toText(order)
  if (named !== null) return named !== 'progressive'
  return codec === 'mpeg2video' || codec === 'dvvideo'
}

/** Shapes of pixels beyond 1:10 exist in broken files only. */
function toAspect(value: unknown): number {
  const ratio = toRatio(value, ':')
  return ratio !== null && ratio >= 0.1 && ratio <= 10 ? ratio : 1
}

/** Matroska's tag tells when a track ends. */
function toLength(stream: Fields): number | null {
  const end = toClockSeconds(toFields(stream.tags).DURATION)
  return toSeconds(stream.duration) ?? (end === null ? null : toSeconds(end - (toNumber(stream.start_time) ?? 0)))
}

/** Anything else than three letters could be meant for whoever prints it. */
function toLanguage({ tags }: Fields): { language?: string } {
  const language = toText(toFields(tags).language)
  return language !== null && /^[a-z]{3}$/.test(language) && language !== 'und' ? { language } : {}
}

function withText<Name extends string>(name: Name, value: unknown): { [Key in Name]?: string } {
  const text = toText(value)
  return (text === null ? {} : { [name]: text }) as { [Key in Name]?: string }
}
