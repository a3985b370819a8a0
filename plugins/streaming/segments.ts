import { MediadError } from 'mediad'
import type { Range, Track } from './track.ts'

/** A part of a track that a player requests at once: one or more fragments. Times are in seconds. */
export type Segment = {
  readonly range: Range
  readonly start: number
  readonly seconds: number
}

/** How much boundaries of video tracks can differ, in seconds: the rounding of their time bases. */
const TOLERANCE_SECONDS = 0.005

/**
 * Returns the start times of the segments of all tracks: those of fragments of the first video track, else of the first
 * track, so that each segment but the last lasts at least `segmentSeconds`, within half a fragment.
 */
export function toBoundaries(tracks: readonly Track[], segmentSeconds: number): number[] {
  const reference = tracks.find(({ video }) => video !== undefined) ?? tracks[0]
  if (reference === undefined) return []
  const boundaries: number[] = []
  for (const { start, duration } of reference.fragments) {
    const [time, half] = [start / reference.timescale, duration / reference.timescale / 2]
    const isDue = boundaries.length === 0 || time - (boundaries.at(-1) ?? 0) >= segmentSeconds - half
    if (isDue) boundaries.push(time)
  }
  return boundaries
}

/**
 * Adds boundaries for audio that is longer than the video: without them, the rest would be one segment, and the target duration
 * of all playlists as long. No part of less than half of `segmentSeconds` gets a segment of its own.
 *
 * @param end end of the longest track in seconds
 */
export function extendBoundaries(boundaries: readonly number[], segmentSeconds: number, end: number): number[] {
  const extended = [...boundaries]
  for (let next = (boundaries.at(-1) ?? 0) + segmentSeconds; end - next >= segmentSeconds / 2; next += segmentSeconds)
    extended.push(next)
  return extended
}

/**
 * Groups the fragments of a track into segments: each begins with the fragment whose start is nearest to a boundary.
 *
 * @throws MediadError `internal.output` for video whose fragments do not start at the boundaries: players could not switch
 */
export function toSegments(track: Track, boundaries: readonly number[]): Segment[] {
  const starts = [...new Set(boundaries.map((boundary) => findNearest(track, boundary)))]
  return starts.map((from, n) => {
    const part = track.fragments.slice(from, starts[n + 1])
    const [first, last] = [part[0], part.at(-1)]
    if (first === undefined || last === undefined) throw new MediadError('internal.output', 'a segment is empty')
    const start = first.start / track.timescale
    return {
      range: { offset: first.offset, sizeBytes: last.offset + last.sizeBytes - first.offset },
      start,
      seconds: (last.start + last.duration) / track.timescale - start,
    }
  })
}

/** Returns the index of the fragment that starts nearest to a time. */
function findNearest({ fragments, timescale, video }: Track, seconds: number): number {
  const distance = (at: number) => Math.abs((fragments[at]?.start ?? Infinity) / timescale - seconds)
  let [low, high] = [0, fragments.length - 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if ((fragments[middle]?.start ?? 0) / timescale < seconds) low = middle + 1
    else high = middle
  }
  const nearest = low > 0 && distance(low - 1) <= distance(low) ? low - 1 : low
  if (video === undefined || nearest === 0 || distance(nearest) <= TOLERANCE_SECONDS) return nearest
  throw new MediadError('internal.output', `a video track has no fragment that starts at ${seconds.toFixed(3)} s`)
}

/** Returns the target duration of all playlists, in seconds: no segment is longer, rounded to an integer. */
export function toTargetSeconds(all: readonly (readonly Segment[])[]): number {
  return all.flat().reduce((longest, { seconds }) => Math.max(longest, Math.round(seconds)), 1)
}

/** Bit rates in bits per second. */
export type Rates = { readonly peak: number; readonly average: number }

/**
 * Measures the bit rates of a track as HLS defines them: the peak is the highest rate of any contiguous segments that last
 * from 0.5 to 1.5 times the target duration (draft-pantos-hls-rfc8216bis, 4.4.6.2).
 */
export function measureRates(segments: readonly Segment[], targetSeconds: number): Rates {
  const total = sum(segments)
  let peak = 0
  for (let from = 0; from < segments.length; from++)
    for (let to = from + 1; to <= segments.length; to++) {
      const { bits, seconds } = sum(segments.slice(from, to))
      if (seconds > 1.5 * targetSeconds) break
      if (seconds >= 0.5 * targetSeconds) peak = Math.max(peak, bits / seconds)
    }
  const average = total.seconds > 0 ? total.bits / total.seconds : 0
  return { peak: Math.ceil(peak || average), average: Math.ceil(average) }
}

function sum(segments: readonly Segment[]): { bits: number; seconds: number } {
  let [bits, seconds] = [0, 0]
  for (const segment of segments) {
    bits += segment.range.sizeBytes * 8
    seconds += segment.seconds
  }
  return { bits, seconds }
}
