/** The last report in ffmpeg's `-progress` file. */
export type Progress = {
  /** Duration written so far, in seconds; null while unknown. */
  readonly outSeconds: number | null
  readonly frame: number | null
  /** Frames that were dropped because their timestamps did not increase. */
  readonly droppedFrames: number | null
  readonly totalSizeBytes: number | null
}

/**
 * Parses the end of a `-progress` file: `key=value` lines. Of each key the last complete line counts. The text can start and
 * end in the middle of a line. `N/A` and invalid values are null. (`out_time_ms` is in microseconds despite its name, so
 * `out_time_us` is read.)
 */
export function parseProgress(text: string): Progress {
  const values = new Map<string, string>()
  for (const line of text.split('\n').slice(0, -1)) {
    const equals = line.indexOf('=')
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1).trim())
  }
  const outMicroseconds = toNumber(values.get('out_time_us'))
  return {
    outSeconds: outMicroseconds === null ? null : outMicroseconds / 1e6,
    frame: toNumber(values.get('frame')),
    droppedFrames: toNumber(values.get('drop_frames')),
    totalSizeBytes: toNumber(values.get('total_size')),
  }
}

/**
 * Creates a function that converts output time to a fraction done. Fractions only increase, and stay at or below 0.99 while
 * ffmpeg runs, because the duration in a header can be wrong. Null means nothing new to report.
 */
export function createFractions(durationSeconds: number | null): (outSeconds: number | null) => number | null {
  let highest = 0
  return (outSeconds) => {
    if (outSeconds === null || durationSeconds === null || !(durationSeconds > 0)) return null
    const fraction = Math.min(0.99, outSeconds / durationSeconds)
    if (!(fraction > highest)) return null
    highest = fraction
    return fraction
  }
}

/** Parses an integer; below 0 it is 0. Null for AV_NOPTS_VALUE (about -9.2e18), which ffmpeg prints while it has no timestamp. */
function toNumber(text: string | undefined): number | null {
  if (text === undefined || !/^-?\d+$/.test(text)) return null
  const number = Number(text)
  return Math.abs(number) < 1e17 ? Math.max(0, number) : null
}
