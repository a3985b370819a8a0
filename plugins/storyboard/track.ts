import type { Size } from '../frames/size.ts'
import type { StoryboardOptions } from './options.ts'

/** Returns the time between two frames in seconds, so that a video of this duration needs at most `maxFrames`. */
export function toInterval(
  { intervalSeconds, maxFrames }: Pick<StoryboardOptions, 'intervalSeconds' | 'maxFrames'>,
  durationSeconds: number,
): number {
  return Math.max(intervalSeconds, Math.ceil((durationSeconds / maxFrames) * 1000) / 1000)
}

type TrackOptions = {
  /** URL of the image, relative to the track. */
  readonly uri: string
  readonly frame: Size
  readonly columns: number
  /** Number of frames in the image. */
  readonly count: number
  readonly intervalSeconds: number
}

/** Returns the WebVTT file: a cue for each frame, whose text names the part of the image (Media Fragments, `#xywh=`). */
export function toTrack({ uri, frame, columns, count, intervalSeconds }: TrackOptions): string {
  const across = Math.min(columns, count)
  const cues = Array.from({ length: count }, (_, n) => {
    const [x, y] = [(n % across) * frame.width, Math.floor(n / across) * frame.height]
    const [start, end] = [n * intervalSeconds, (n + 1) * intervalSeconds]
    return `${toTimestamp(start)} --> ${toTimestamp(end)}\n${uri}#xywh=${x},${y},${frame.width},${frame.height}\n`
  })
  return ['WEBVTT\n', ...cues].join('\n')
}

function toTimestamp(seconds: number): string {
  const milliseconds = Math.round(seconds * 1000)
  const [hours, minutes, rest] = [milliseconds / 3_600_000, (milliseconds / 60_000) % 60, milliseconds % 60_000]
  return `${two(hours)}:${two(minutes)}:${two(rest / 1000)}.${String(rest % 1000).padStart(3, '0')}`
}

const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
