import { toFileDuration, toTrackDuration } from './extent/duration.ts'
import { toFields, toInteger, toList, toNumber, toRatio, toSeconds, toText, type Fields } from './fields.ts'
import { printed } from '../programs/printed/lines.ts'
import type { AudioStream, Probe, SubtitleStream, VideoStream } from '../vocabulary/media.ts'
import { toOrientation, type Orientation } from './orientation.ts'
import { isCover, isDecodable, isWithoutBaseLayer, pick, type TrackSelection } from './pick.ts'

/**
 * Converts ffprobe's JSON to a {@link Probe}. Values that are missing, `N/A`, `0/0`, absurd or of another type become null
 * or 0, never NaN. Never throws. `decoders` are the decoders of this ffmpeg, for a file with {@link hasAlphaMark}.
 */
export function parseProbe(json: unknown, sizeBytes: number, decoders: ReadonlySet<string> = new Set()): Probe {
  const { format: header, streams: list, programs, chapters } = toFields(json)
  const format = toFields(header)
  const streams = toList(list)
  const { video, audio, otherAudio, monoTracks, skipped } = pick(streams, toList(programs))
  const name = toText(format.format_name) ?? ''
  return {
    format: name,
    durationSeconds: toFileDuration(format, streams),
    startSeconds: toNumber(format.start_time) ?? 0,
    sizeBytes,
    video: video ? { ...toVideo(video, name), ...toAlpha(video, decoders) } : null,
    audio: audio ? (monoTracks ? toJoined(monoTracks, name) : toAudio(audio, name)) : null,
    ...(otherAudio.length > 0 && { otherAudio: otherAudio.map((stream) => toAudio(stream, name)) }),
    subtitles: streams.filter(({ codec_type }) => codec_type === 'subtitle').map(toSubtitle),
    skipped,
    streamCount: streams.length,
    chapterCount: toList(chapters).length,
  }
}

/** Codec tags (four characters) of the first video and the first audio stream whose codec this ffmpeg does not know. */
export type Unreadable = { readonly video: string | null; readonly audio: string | null }

/** Stands for the codec tag of a stream that has none. */
export const NO_CODEC_NAME = ''

/** Finds the streams that {@link parseProbe} skips because ffprobe has no name for their codec. */
export function findUnreadable(json: unknown): Unreadable {
  const unknown = toList(toFields(json).streams).filter((stream) => !isDecodable(stream) && !isCover(stream))
  const tagOf = (type: string) => {
    const stream = unknown.find(({ codec_type }) => codec_type === type)
    return stream ? (toText(stream.codec_tag_string) ?? NO_CODEC_NAME) : null
  }
  return { video: tagOf('video'), audio: tagOf('audio') }
}

/**
 * Removes the codec name of streams that ffprobe recognises but this ffmpeg has no decoder for, so that they are not
 * selected. The name replaces the codec tag, for the error message.
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

/** Whether a track is Dolby Vision that other players cannot show. */
export function isDolbyVisionOnly(json: unknown, track: { readonly index: number } | null): boolean {
  const stream = toList(toFields(json).streams).find(({ index }) => toNumber(index) === track?.index)
  return stream !== undefined && isWithoutBaseLayer(stream)
}

/** Reads the display matrix of the first frame, where ffprobe reports the EXIF orientation of photos. Null without one. */
export function toFrameOrientation(frames: unknown): Orientation | null {
  const frame = toList(toFields(frames).frames)[0] ?? {}
  return toList(frame.side_data_list).some(({ displaymatrix }) => displaymatrix !== undefined)
    ? toOrientation(frame)
    : null
}

/** Returns the id of a stream in its container: of an MPEG-TS the packet identifier (PID), of an MP4 the track id. */
export function toContainerId(json: unknown, index: number): number | null {
  return toNumber(toList(toFields(json).streams).find((stream) => toNumber(stream.index) === index)?.id)
}

const half = (value: number | null | undefined) => (value == null ? null : value / 2)

/**
 * Converts HEVC video that is coded as fields, which only its frames show: ffmpeg decodes each field as an interlaced frame of
 * half the height. Height and rates become those of frames with two fields.
 */
export function withCodedFields(video: VideoStream, frames: unknown): VideoStream {
  const frame = toList(toFields(frames).frames)[0] ?? {}
  if (video.codec !== 'hevc' || toNumber(frame.interlaced_frame) !== 1) return video
  const packets = half(video.packetCount)
  return {
    ...video,
    height: 2 * video.height,
    framesPerSecond: half(video.framesPerSecond),
    maxFramesPerSecond: half(video.maxFramesPerSecond),
    packetCount: packets === null ? null : Math.floor(packets),
    interlaced: true,
    codedFields: toNumber(frame.top_field_first) === 1 ? 'top' : 'bottom',
  }
}

/**
 * Whether a track is marked as encrypted, by a tag of Matroska or a stream type of MPEG-TS; for MP4 see `boxes.ts`. Or the
 * file is, by a line that ffprobe prints for WMV and WMA.
 */
export function isEncrypted(json: unknown, stderr: string): boolean {
  const { format, streams } = toFields(json)
  const isBroadcast = toFields(format).format_name === 'mpegts'
  const isMarked = toList(streams).some(
    ({ tags, codec_tag_string: tag }) =>
      toText(toFields(tags).enc_key_id) !== null || (isBroadcast && sampleAesTags.has(String(tag))),
  )
  return isMarked || printed.protectedStream.pattern.test(stderr)
}

/** Stream types of H.264, AAC, AC-3 and E-AC-3 with sample encryption (SAMPLE-AES of HLS), as ffprobe prints them. */
const sampleAesTags: ReadonlySet<string> = new Set([0xdb, 0xcf, 0xc1, 0xc2].map((type) => `[${type}][0][0][0]`))

function toVideo(stream: Fields, format: string): VideoStream {
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
    durationSeconds: toTrackDuration(stream, format),
    pixelAspect: toAspect(stream.sample_aspect_ratio),
    interlaced: isInterlaced(stream),
    ...withText('profile', stream.profile),
    ...withText('transfer', stream.color_transfer),
    ...withText('primaries', stream.color_primaries),
    ...withText('matrix', stream.color_space),
    ...withText('range', stream.color_range),
    ...toSpatial(stream),
  }
}

/** Reads the marks of 360° and stereo video. Stereo 3D marks can also say that the video is not stereo, or nothing. */
function toSpatial({ side_data_list: list }: Fields): Pick<VideoStream, 'projection' | 'stereo'> {
  const find = (type: string) => toList(list).find(({ side_data_type: found }) => found === type) ?? {}
  const stereo = toText(find('Stereo 3D').type)
  return {
    ...withText('projection', find('Spherical Mapping').projection),
    ...(stereo !== null && stereo !== '2D' && stereo !== 'unspecified' && { stereo }),
  }
}

/** Decoders for WebM with an alpha channel. */
const alphaDecoders: Readonly<Record<string, string>> = { vp8: 'libvpx', vp9: 'libvpx-vp9' }

/** Whether a track is marked as one with an alpha channel, so that the decoder to select depends on those that ffmpeg has. */
export function hasAlphaMark(json: unknown): boolean {
  return toList(toFields(json).streams).some((stream) => toAlphaDecoder(stream) !== undefined)
}

function toAlphaDecoder({ codec_name: codec, tags }: Fields): string | undefined {
  return toNumber(toFields(tags).alpha_mode) === 1 ? alphaDecoders[toText(codec) ?? ''] : undefined
}

/** Selects the decoder for WebM with an alpha channel, which ffmpeg's native VP8 and VP9 decoders ignore and libvpx reads. */
function toAlpha(stream: Fields, decoders: ReadonlySet<string>): Pick<VideoStream, 'decoder' | 'pixelFormat'> | object {
  const decoder = toAlphaDecoder(stream)
  if (decoder === undefined || !decoders.has(decoder)) return {}
  return { decoder, pixelFormat: 'yuva420p' }
}

function toAudio(stream: Fields, format: string): AudioStream {
  return {
    index: toInteger(stream.index),
    codec: toText(stream.codec_name) ?? '',
    channels: toInteger(stream.channels),
    sampleRate: toInteger(stream.sample_rate),
    packetCount: toInteger(stream.nb_frames) || null,
    startSeconds: toNumber(stream.start_time) ?? 0,
    durationSeconds: toTrackDuration(stream, format),
    ...withText('profile', stream.profile),
    ...withText('layout', stream.channel_layout),
    ...toLanguage(stream),
  }
}

/** Returns the audio of mono tracks that belong together: it lasts from the start of the first to the end of the last. */
function toJoined(tracks: NonNullable<TrackSelection['monoTracks']>, format: string): AudioStream {
  const streams = tracks.map(({ stream }) => toAudio(stream, format))
  const [first] = streams as [AudioStream]
  const startSeconds = Math.min(...streams.map((one) => one.startSeconds ?? 0))
  const ends = streams.map((one) =>
    one.durationSeconds === null ? Number.NaN : (one.startSeconds ?? 0) + one.durationSeconds,
  )
  return {
    ...first,
    tracks: tracks.map(({ stream, position }) => ({ index: toInteger(stream.index), position })),
    channels: tracks.length,
    layout: toJoinedLayout(tracks.map(({ position }) => position).join('+')),
    startSeconds,
    durationSeconds: toSeconds(Math.max(...ends) - startSeconds),
  }
}

const toJoinedLayout = (positions: string): string =>
  ({ 'FL+FR': 'stereo', 'DL+DR': 'downmix' })[positions] ?? positions

/** Codecs of text subtitles, by their names in `ffmpeg -codecs`. */
const textCodecs: ReadonlySet<string> = new Set(
  'subrip srt ass ssa mov_text webvtt text microdvd mpl2 jacosub sami realtext stl subviewer subviewer1 vplayer'.split(
    ' ',
  ),
)

function toSubtitle(stream: Fields): SubtitleStream {
  const codec = toText(stream.codec_name) ?? 'unknown'
  return { index: toInteger(stream.index), codec, isText: textCodecs.has(codec), ...toLanguage(stream) }
}

/** Whether the field order is interlaced, or unknown in a codec that is often interlaced. */
function isInterlaced({ field_order: order, codec_name: codec }: Fields): boolean {
  const fieldOrder = toText(order)
  if (fieldOrder !== null) return fieldOrder !== 'progressive'
  return codec === 'mpeg2video' || codec === 'dvvideo'
}

/** Returns the sample aspect ratio; 1 when it is unknown or beyond 1:10, which only broken files have. */
function toAspect(value: unknown): number {
  const ratio = toRatio(value, ':')
  return ratio !== null && ratio >= 0.1 && ratio <= 10 ? ratio : 1
}

/** Returns a three-letter language code. Other values are dropped: the text is untrusted. */
function toLanguage({ tags }: Fields): { language?: string } {
  const language = toText(toFields(tags).language)
  return language !== null && /^[a-z]{3}$/.test(language) && language !== 'und' ? { language } : {}
}

function withText<Name extends string>(name: Name, value: unknown): { [Key in Name]?: string } {
  const text = toText(value)
  return (text === null ? {} : { [name]: text }) as { [Key in Name]?: string }
}
