/** Where ffmpeg stands, by the last lines of its `-progress` file. */
export type Progress = {
  /** End of what is written, in seconds of media; null while ffmpeg does not know. */
  readonly outSeconds: number | null
  readonly frame: number | null
  /** Pictures that were not taken over, because their times did not grow. */
  readonly droppedFrames: number | null
  readonly totalSizeBytes: number | null
}

/**
 * Reads the end of a `-progress` file: `key=value` lines of which the last complete one counts. The text may begin and
 * end in the middle of a line. `N/A` and nonsense are null. (`out_time_ms` is in microseconds as well, so
 * `out_time_us` is the one to read.)
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

/** Fractions for a listener: from 0 to 0.99 while ffmpeg runs, because lengths are only claimed, and never falling. */
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

/** ffmpeg writes AV_NOPTS_VALUE, about -9.2e18, where it has no time yet. */
function toNumber(text: string | undefined): number | null {
  if (text === undefined || !/^-?\d+$/.test(text)) return null
  const number = Number(text)
  return Math.abs(number) < 1e17 ? Math.max(0, number) : null
}
