import { toFields, toNumber, toRatio, toText, toInteger, type Fields } from './fields.ts'
import type { SkippedTrack } from '../vocabulary/media.ts'

/** The tracks a job works with, and why it passes the others over. */
export type Pick = {
  readonly video: Fields | undefined
  readonly audio: Fields | undefined
  readonly skipped: readonly SkippedTrack[]
}

/**
 * Chooses one picture and one sound. The order of the rules is the order of what viewers expect of a player:
 *
 * Picture: no cover art, no stills, and something to decode; then the track marked as default; then the largest picture;
 * then the highest frame rate; then the first.
 * Sound: something to decode; no commentary, no description for the blind or deaf; then the track marked as default;
 * then the most channels; then the first.
 */
export function pick(streams: readonly Fields[]): Pick {
  const video = best(streams.filter(isFilm), videoRank)
  const audio = best(
    streams.filter((stream) => stream.codec_type === 'audio' && isDecodable(stream)),
    audioRank,
  )
  const chosen = new Set([video, audio])
  const skipped = streams.filter((stream) => !chosen.has(stream) && stream.codec_type !== 'subtitle')
  return { video, audio, skipped: skipped.map(toSkipped) }
}

export function isCover(stream: Fields): boolean {
  return stream.codec_type === 'video' && (is(stream, 'attached_pic') || is(stream, 'timed_thumbnails'))
}

/** Whether this ffmpeg has a name for its codec; one without is listed, and cannot be decoded. */
export function isDecodable(stream: Fields): boolean {
  return toText(stream.codec_name) !== null
}

function isFilm(stream: Fields): boolean {
  return stream.codec_type === 'video' && !isCover(stream) && isDecodable(stream)
}

/** A track that announces itself and holds nothing has no pixel format. */
function videoRank(stream: Fields): number[] {
  const rate = toRatio(stream.avg_frame_rate, '/') ?? 0
  return [
    Number(toText(stream.pix_fmt) !== null),
    Number(!is(stream, 'still_image') && !is(stream, 'dependent')),
    Number(is(stream, 'default')),
    toInteger(stream.width) * toInteger(stream.height),
    rate,
  ]
}

const asides = ['comment', 'visual_impaired', 'hearing_impaired', 'descriptions', 'dependent', 'karaoke'] as const

function audioRank(stream: Fields): number[] {
  return [
    Number(toInteger(stream.channels) > 0),
    Number(!asides.some((aside) => is(stream, aside))),
    Number(is(stream, 'default')),
    toInteger(stream.channels),
  ]
}

function best(streams: readonly Fields[], rank: (stream: Fields) => number[]): Fields | undefined {
  let found: { stream: Fields; rank: number[] } | undefined
  for (const stream of streams) {
    const mine = rank(stream)
    if (found === undefined || isHigher(mine, found.rank)) found = { stream, rank: mine }
  }
  return found?.stream
}

/** The first number that differs decides; of equals the earlier stream stays. */
function isHigher(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i])
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0)
}

function toSkipped(stream: Fields): SkippedTrack {
  const type = toText(stream.codec_type) ?? 'unknown'
  const codec = toText(stream.codec_name)
  return { index: toNumber(stream.index) ?? 0, type, codec, reason: toReason(stream, type) }
}

function toReason(stream: Fields, type: string): string {
  if (isCover(stream)) return 'cover art is no film'
  if (type !== 'video' && type !== 'audio') return 'neither picture nor sound'
  if (!isDecodable(stream)) return 'this ffmpeg does not know its codec'
  return `another ${type} track was chosen`
}

function is(stream: Fields, disposition: string): boolean {
  return toFields(stream.disposition)[disposition] === 1
}
