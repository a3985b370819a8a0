import { toFields, toList, toNumber, toRatio, toText, toInteger, type Fields } from './fields.ts'
import { findMonoTracks } from './mono-tracks.ts'
import type { SkippedTrack } from '../vocabulary/media.ts'

/** The tracks that a job works with, and the others with the reason why they are skipped. */
export type TrackSelection = {
  readonly video: Fields | undefined
  readonly audio: Fields | undefined
  /** The other audio tracks that a listener could choose, best first. */
  readonly otherAudio: readonly Fields[]
  /** The mono tracks that together are the audio; null when it is a single track. */
  readonly monoTracks: ReturnType<typeof findMonoTracks>
  readonly skipped: readonly SkippedTrack[]
}

/**
 * Selects one video track and one audio track, as a player would. The first rule that makes a difference decides.
 *
 * Video: cover art, tracks of unknown codecs and empty tracks are excluded; then a track with a pixel format (others hold no frames);
 * no Dolby Vision without a base layer; no still image and no dependent layer; the default disposition; the most pixels; the
 * highest frame rate; the first.
 *
 * Audio: tracks of unknown codecs, empty tracks and tracks of other programs than the video's (MPEG-TS) are excluded; then a
 * track with channels (others hold no audio); no commentary, audio description or other secondary track; the default
 * disposition; the most channels; the first.
 */
export function pick(streams: readonly Fields[], programs: readonly Fields[] = []): TrackSelection {
  const candidates = streams.filter((stream) => isCandidate(stream) && !isEmpty(stream))
  const video = best(
    candidates.filter(({ codec_type }) => codec_type === 'video'),
    videoRank,
  )
  const isTogether = toProgramRule(programs, video)
  const audible = candidates.filter((stream) => stream.codec_type === 'audio' && isTogether(stream))
  const audio = best(audible, audioRank)
  const monoTracks = audio ? findMonoTracks(audible, audio) : null
  const chosen = new Set([video, audio, ...(monoTracks ?? []).map(({ stream }) => stream)])
  const skipped = streams.filter((stream) => !chosen.has(stream) && stream.codec_type !== 'subtitle')
  const otherAudio = audible
    .filter((stream) => !chosen.has(stream) && toInteger(stream.channels) > 0 && !isSecondary(stream))
    .toSorted((a, b) => compare(audioRank(a), audioRank(b)))
  return { video, audio, otherAudio, monoTracks, skipped: skipped.map((stream) => toSkipped(stream, isTogether)) }
}

/** Returns the rule which tracks belong to a program of the video, or to no program. `programs` is what ffprobe lists. */
function toProgramRule(programs: readonly Fields[], video: Fields | undefined): (stream: Fields) => boolean {
  const sets = programs.map(({ streams }) => new Set(toList(streams).map(({ index }) => index)))
  const own = sets.filter((set) => set.has(video?.index))
  if (own.length === 0) return () => true
  return ({ index }) => own.some((set) => set.has(index)) || !sets.some((set) => set.has(index))
}

/** Whether a video stream is cover art or a list of thumbnails. */
export function isCover(stream: Fields): boolean {
  return (
    stream.codec_type === 'video' &&
    (hasDisposition(stream, 'attached_pic') || hasDisposition(stream, 'timed_thumbnails'))
  )
}

/** Whether this ffmpeg has a name for the codec of a stream. Without one, the stream cannot be decoded. */
export function isDecodable(stream: Fields): boolean {
  return toText(stream.codec_name) !== null
}

/** Whether a stream is a video or audio track that could be selected: not cover art, and of a known codec. */
export function isCandidate(stream: Fields): boolean {
  return (stream.codec_type === 'video' || stream.codec_type === 'audio') && !isCover(stream) && isDecodable(stream)
}

/** Whether a track is marked as one without packets; see `empty.ts`. */
function isEmpty({ is_empty: empty }: Fields): boolean {
  return empty === true
}

/** Whether a video track is Dolby Vision with a base layer that is neither HDR10, HLG nor SDR (compatibility id 0, profile 5). */
export function isWithoutBaseLayer({ side_data_list: sides }: Fields): boolean {
  return toList(sides).some(
    (side) => toInteger(side.dv_profile) > 0 && toNumber(side.dv_bl_signal_compatibility_id) === 0,
  )
}

/** A track that is declared but holds no frames has no pixel format. */
function videoRank(stream: Fields): number[] {
  const rate = toRatio(stream.avg_frame_rate, '/') ?? 0
  return [
    Number(toText(stream.pix_fmt) !== null),
    Number(!isWithoutBaseLayer(stream)),
    Number(!hasDisposition(stream, 'still_image') && !hasDisposition(stream, 'dependent')),
    Number(hasDisposition(stream, 'default')),
    toInteger(stream.width) * toInteger(stream.height),
    rate,
  ]
}

/** Dispositions of audio that accompanies the main audio track or replaces it for some listeners. */
const secondaryDispositions = [
  'comment',
  'visual_impaired',
  'hearing_impaired',
  'descriptions',
  'dependent',
  'karaoke',
] as const

function isSecondary(stream: Fields): boolean {
  return secondaryDispositions.some((disposition) => hasDisposition(stream, disposition))
}

function audioRank(stream: Fields): number[] {
  return [
    Number(toInteger(stream.channels) > 0),
    Number(!isSecondary(stream)),
    Number(hasDisposition(stream, 'default')),
    toInteger(stream.channels),
  ]
}

function best(streams: readonly Fields[], rank: (stream: Fields) => number[]): Fields | undefined {
  let found: { stream: Fields; rank: number[] } | undefined
  for (const stream of streams) {
    const own = rank(stream)
    if (found === undefined || isHigher(own, found.rank)) found = { stream, rank: own }
  }
  return found?.stream
}

/** Orders ranks from the highest down. */
const compare = (a: readonly number[], b: readonly number[]): number => Number(isHigher(b, a)) - Number(isHigher(a, b))

/** Whether rank `a` is higher than `b`: the first number that differs decides. Of equal ranks the earlier stream wins. */
function isHigher(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i])
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0)
}

function toSkipped(stream: Fields, isTogether: (stream: Fields) => boolean): SkippedTrack {
  const type = toText(stream.codec_type) ?? 'unknown'
  const codec = toText(stream.codec_name)
  return { index: toNumber(stream.index) ?? 0, type, codec, reason: toReason(stream, type, isTogether(stream)) }
}

function toReason(stream: Fields, type: string, isTogether: boolean): string {
  if (isCover(stream)) return 'cover art'
  if (type !== 'video' && type !== 'audio') return 'neither video nor audio'
  if (!isDecodable(stream)) return 'a codec that this ffmpeg does not know'
  if (isEmpty(stream)) return 'it contains nothing'
  return isTogether ? `another ${type} track was chosen` : 'part of another program'
}

function hasDisposition(stream: Fields, disposition: string): boolean {
  return toFields(stream.disposition)[disposition] === 1
}
