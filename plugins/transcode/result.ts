import { MediadError, type AudioStream, type FfmpegResult, type Probe, type RunContext } from 'mediad'
import { SAMPLES_PER_PACKET, toVideoEnd } from './defects.ts'
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
export function findResultDefect(
  { result, outSeconds, corruption }: Pick<Result, 'result' | 'outSeconds' | 'corruption'>,
  probe: Probe,
): MediadError | null {
  const missing = probe.video && !result.video ? 'picture' : probe.audio && !result.audio ? 'sound' : null
  if (missing !== null) return new MediadError('input.corrupt', `nothing of the ${missing} can be decoded`)
  if (corruption.nonMonotonic)
    return new MediadError('input.corrupt', 'its times go back, in a way that cannot be mended')
  const [held, written] = [toLength(result), outSeconds ?? 0]
  // rounding and the last frame explain half a second, or 2 % of long ones
  if (held >= written - Math.max(0.5, 0.02 * written)) return null
  return new MediadError('internal.output', `the transcoded file lasts ${held} s, but ffmpeg wrote ${written} s`)
}

/** Players stumble over times that go back, and over a beginning that is not there. */
export function isBadCopy({ result, outSeconds, frames, corruption }: Result, probe: Probe): boolean {
  const late = [result.video, result.audio].some(
    (stream) => stream !== null && (stream.startSeconds ?? 0) > NOTICED_SECONDS,
  )
  // what was decoded ends when the last picture begins or, by the index, when it is over
  const ends = [outSeconds ?? 0, toVideoEnd({ probe, frames, corruption }) ?? 0]
  const isOther = ends.every((end) => Math.abs(toLength(result) - end) > NOTICED_SECONDS)
  return late || isOther || hasHoles(result.audio)
}

/** An mp4 has no silence: its player would go on with what comes behind a hole. */
function hasHoles(audio: AudioStream | null): boolean {
  if (audio?.codec !== 'aac' || !audio.packetCount || !audio.durationSeconds) return false
  const seconds = (audio.packetCount * SAMPLES_PER_PACKET) / audio.sampleRate
  return audio.durationSeconds - seconds > 0.06
}
