import { MediadError, type AudioStream, type FfmpegResult, type Probe, type RunContext } from 'mediad'
import { isComplete, SAMPLES_PER_PACKET, toPictureEnd } from './defects.ts'
import { NOTICED_SECONDS } from './timestamps.ts'

/** What one run of ffmpeg made, and what ffprobe sees in it. */
export type Result = FfmpegResult & { readonly path: string; readonly result: Probe }

/** ffmpeg makes a file without a stream of a source of which nothing can be decoded, and reports success. */
export async function inspectResult({ inspect }: RunContext, path: string): Promise<Probe> {
  try {
    return await inspect(path)
  } catch (error) {
    const why = error instanceof MediadError && error.cause instanceof MediadError ? error.cause : error
    if (!(why instanceof MediadError && why.code === 'input.no_av')) throw error
    throw new MediadError('input.corrupt', 'nothing in the file can be decoded', { cause: error })
  }
}

/** Of sound and picture: a file with chapters is as long as they say that they are. */
export function toLength({ video, audio, durationSeconds, chapterCount }: Probe): number {
  const own = Math.max(video?.durationSeconds ?? 0, audio?.durationSeconds ?? 0)
  return chapterCount > 0 && own > 0 ? own : (durationSeconds ?? 0)
}

/** What is wrong with the result; null when nothing is. ffmpeg's exit code says little. */
export function findFault(
  made: Pick<Result, 'result' | 'outSeconds' | 'damage'> & { readonly frames?: number | null },
  probe: Probe,
): MediadError | null {
  const { result, outSeconds, damage, frames = null } = made
  const missing = probe.video && !result.video ? 'picture' : probe.audio && !result.audio ? 'sound' : null
  if (missing !== null) return new MediadError('input.corrupt', `nothing of the ${missing} can be decoded`)
  if (damage.disordered) return new MediadError('input.corrupt', 'its times go back, in a way that cannot be mended')
  const [held, written] = [toLength(result), outSeconds ?? 0]
  // rounding and the last frame explain half a second, or 2 % of long ones
  if (held >= written - toTolerance(written)) return null
  if (isOnlyLastFrame({ probe, result, damage, frames })) return null
  return new MediadError('internal.output', `the transcoded file lasts ${held} s, but ffmpeg wrote ${written} s`)
}

const toTolerance = (seconds: number): number => Math.max(0.5, 0.02 * seconds)

type Counted = Pick<Result, 'result' | 'damage' | 'frames'> & { readonly probe: Probe }

/**
 * Whether a result that is shorter than what ffmpeg wrote still holds every frame: from ffmpeg 6 on that counts the last
 * frame for as long as the source does, which the result need not.
 */
function isOnlyLastFrame({ probe, result, damage, frames }: Counted): boolean {
  if (!result.video || frames === null) return false
  if (result.video.packetCount) return result.video.packetCount >= frames
  if (isComplete({ probe, damage, frames })) return true
  const claimed = Math.max(probe.video?.durationSeconds ?? Infinity, probe.audio?.durationSeconds ?? 0)
  return toLength(result) >= claimed - toTolerance(claimed)
}

/** Players stumble over times that go back, and over a beginning that is not there. */
export function isBadCopy({ result, outSeconds, frames, damage }: Result, probe: Probe): boolean {
  const late = [result.video, result.audio].some(
    (stream) => stream !== null && (stream.startSeconds ?? 0) > NOTICED_SECONDS,
  )
  // what was decoded ends when the last picture begins or, by the index, when it is over
  const ends = [outSeconds ?? 0, toPictureEnd({ probe, frames, damage }) ?? 0]
  const isOther = ends.every((end) => Math.abs(toLength(result) - end) > NOTICED_SECONDS)
  return late || isOther || hasHoles(result.audio)
}

/** An mp4 has no silence: its player would go on with what comes behind a hole. */
function hasHoles(audio: AudioStream | null): boolean {
  if (audio?.codec !== 'aac' || !audio.packetCount || !audio.durationSeconds) return false
  const seconds = (audio.packetCount * SAMPLES_PER_PACKET) / audio.sampleRate
  return audio.durationSeconds - seconds > 0.06
}
