import { toClockSeconds, toFields, toInteger, toNumber, toSeconds, toText, type Fields } from '../fields.ts'

/** Containers whose duration is the timestamp at which they end, by ffmpeg's names, unless they end before they start. */
const countedFromZero: ReadonlySet<string> = new Set(['flv', 'ogg', 'asf'])

/**
 * Returns the duration of the file. Recordings of a live stream can start at any timestamp; where the container reports the
 * timestamp of its end, the start is subtracted. Matroska always does.
 */
export function toFileDuration(format: Fields, streams: readonly Fields[]): number | null {
  const seconds = toSeconds(format.duration)
  const name = toText(format.format_name) ?? ''
  if (name.startsWith('matroska')) return seconds && toSeconds(seconds - Math.max(0, toNumber(format.start_time) ?? 0))
  const isFragmented = name.startsWith('mov,') && streams.every(isWithoutIndex)
  return isFragmented || countedFromZero.has(name) ? withoutStart(seconds, format) : seconds
}

/** Returns the duration of a track; its start is subtracted as in {@link toFileDuration}. */
export function toTrackDuration(stream: Fields, format: string): number | null {
  const seconds = toSeconds(stream.duration)
  const isFragmented = format.startsWith('mov,') && isWithoutIndex(stream)
  if (seconds !== null) return isFragmented || countedFromZero.has(format) ? withoutStart(seconds, stream) : seconds
  const end = toClockSeconds(toFields(stream.tags).DURATION) // Matroska's tag holds the end of the track
  return end === null ? null : toSeconds(end - (toNumber(stream.start_time) ?? 0))
}

/** Whether a track has no index of its packets, as in a fragmented MP4: its duration is then that of the last fragment's end. */
const isWithoutIndex = ({ nb_frames }: Fields): boolean => toInteger(nb_frames) === 0

/** Subtracts the start from a duration that exceeds it. A smaller one cannot be the timestamp of the end. */
function withoutStart(seconds: number | null, { start_time }: Fields): number | null {
  const start = Math.max(0, toNumber(start_time) ?? 0)
  return seconds !== null && seconds > start ? seconds - start : seconds
}
