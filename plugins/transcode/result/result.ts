import { MediadError, type AudioStream, type FfmpegResult, type Probe, type RunContext } from 'mediad'
import { isComplete, SAMPLES_PER_PACKET, toVideoEnd } from './defects.ts'
import { TOLERANCE_SECONDS } from '../timestamps.ts'

/** The result of one run of ffmpeg: its path, and the probe of it. */
export type Result = FfmpegResult & { readonly path: string; readonly result: Probe }

/**
 * Inspects the result. When nothing of a source can be decoded, ffmpeg writes a file without tracks and reports success: that
 * becomes `input.corrupt`.
 */
export async function inspectResult({ inspect }: RunContext, path: string): Promise<Probe> {
  try {
    return await inspect(path)
  } catch (error) {
    const why = error instanceof MediadError && error.cause instanceof MediadError ? error.cause : error
    if (!(why instanceof MediadError && why.code === 'input.no_av')) throw error
    throw new MediadError('input.corrupt', 'nothing in the file can be decoded', { cause: error })
  }
}

/** Returns the duration of video and audio: with chapters, the duration of the file is that of the chapters. */
export function toMediaSeconds({ video, audio, durationSeconds, chapterCount }: Probe): number {
  const own = Math.max(video?.durationSeconds ?? 0, audio?.durationSeconds ?? 0)
  return chapterCount > 0 && own > 0 ? own : (durationSeconds ?? 0)
}

/** Returns the error for an unusable result; null when it is usable. The exit code of ffmpeg alone is not enough. */
export function findResultDefect(
  encoded: Pick<Result, 'result' | 'outSeconds' | 'corruption'> & { readonly frames?: number | null },
  probe: Probe,
): MediadError | null {
  const { result, outSeconds, corruption, frames = null } = encoded
  const missing = probe.video && !result.video ? 'video' : probe.audio && !result.audio ? 'audio' : null
  if (missing !== null) return new MediadError('input.corrupt', `none of the ${missing} can be decoded`)
  if (corruption.nonMonotonic)
    return new MediadError('input.corrupt', 'the timestamps are non-monotonic and cannot be repaired')
  const [actual, written] = [toMediaSeconds(result), outSeconds ?? 0]
  // rounding and the last frame explain half a second, or 2 % of a long file
  if (actual >= written - toTolerance(written)) return null
  if (isOnlyLastFrame({ probe, result, corruption, frames })) return null
  return new MediadError('internal.output', `the transcoded file lasts ${actual} s, but ffmpeg wrote ${written} s`)
}

const toTolerance = (seconds: number): number => Math.max(0.5, 0.02 * seconds)

type Counted = Pick<Result, 'result' | 'corruption' | 'frames'> & { readonly probe: Probe }

/**
 * Whether a result that is shorter than the duration ffmpeg reported still has every frame. Since ffmpeg 6 the reported
 * duration includes the last frame with its duration in the source, which the result need not have.
 */
function isOnlyLastFrame({ probe, result, corruption, frames }: Counted): boolean {
  if (!result.video || frames === null) return false
  if (result.video.packetCount) return result.video.packetCount >= frames
  if (isComplete({ probe, corruption, frames })) return true
  const claimed = Math.max(probe.video?.durationSeconds ?? Infinity, probe.audio?.durationSeconds ?? 0)
  return toMediaSeconds(result) >= claimed - toTolerance(claimed)
}

/**
 * Whether a copy would not play well: a track starts late, the duration differs from what was decoded, or the audio has
 * gaps.
 */
export function isBadCopy({ result, outSeconds, frames, corruption }: Result, probe: Probe): boolean {
  const startsLate = [result.video, result.audio].some(
    (stream) => stream !== null && (stream.startSeconds ?? 0) > TOLERANCE_SECONDS,
  )
  // `outSeconds` counts to the start of the last frame, the index to its end: the copy must match one of them
  const ends = [outSeconds ?? 0, toVideoEnd({ probe, frames, corruption }) ?? 0]
  const differs = ends.every((end) => Math.abs(toMediaSeconds(result) - end) > TOLERANCE_SECONDS)
  return startsLate || differs || hasGaps(result.audio) || hasAbsurdEnd({ result, frames, probe })
}

/** How much longer than its frames at their average rate a video of Matroska can last: a factor, and seconds. */
const ABSURD = { factor: 2, seconds: 60 } as const

/**
 * Whether the last frame of a copy from Matroska has an absurd duration. Since ffmpeg 9, a copy keeps the duration of a block,
 * which is not that of an index.
 */
function hasAbsurdEnd({ result, frames, probe }: Pick<Result, 'result' | 'frames'> & { probe: Probe }): boolean {
  const rate = probe.video?.framesPerSecond
  if (!probe.format.startsWith('matroska') || !rate || frames === null) return false
  return (result.video?.durationSeconds ?? 0) > (ABSURD.factor * frames) / rate + ABSURD.seconds
}

/** Whether AAC packets are missing. An mp4 cannot represent silence, so a player would play the audio behind a gap too early. */
function hasGaps(audio: AudioStream | null): boolean {
  if (audio?.codec !== 'aac' || !audio.packetCount || !audio.durationSeconds) return false
  const seconds = (audio.packetCount * SAMPLES_PER_PACKET) / audio.sampleRate
  return audio.durationSeconds - seconds > 0.06
}
