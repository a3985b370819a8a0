import { isHdr, MediadError, type RunContext } from 'mediad'
import { isMisleading, staysHdr } from '../../frames/colour.ts'
import { detections } from '../../frames/mid-stream.ts'
import { findLostMarks } from '../../frames/spatial.ts'
import { toMixWarning } from '../audio.ts'
import type { EncodeSettings } from '../options.ts'
import { withPacketFacts } from '../packets/facts.ts'
import { findDefects } from './defects.ts'
import type { Result } from './result.ts'

/**
 * Throws the first defect beyond its threshold, unless `onCorrupt` is `warn`; always throws corruption of a source that is
 * marked as scrambled. All others become warnings.
 */
export async function reportDefects(
  context: RunContext,
  { onCorrupt }: Pick<EncodeSettings, 'onCorrupt'>,
  encoded: Result,
): Promise<void> {
  const known = await withPacketFacts(context, encoded)
  for (const { code, message } of findDefects(known)) {
    const isScrambled = code === 'input.corrupt' && context.probe.scrambled === true
    if (code !== null && (onCorrupt === 'reject' || isScrambled))
      throw new MediadError(code, `${message}: upload the file again`)
    context.warn(message)
  }
}

/** Warns about what the result lacks: HDR, tracks, subtitles, positions of audio channels. */
export function reportChoices(
  { probe, warn }: Pick<RunContext, 'probe' | 'warn'>,
  { hdr, subtitles }: Pick<EncodeSettings, 'hdr' | 'subtitles'>,
): void {
  const { video, audio } = probe
  const mixWarning = toMixWarning(audio)
  if (mixWarning !== null) warn(mixWarning)
  if (video && isHdr(video) && !staysHdr(video, hdr)) warn('the video is HDR: it was tone-mapped to SDR')
  if (video && isMisleading(video)) warn('implausible HDR metadata was ignored: peak luminance or light level')
  const tracks = probe.skipped.map(({ index, type, codec, reason }) => `${index} (${codec ?? type}: ${reason})`)
  if (tracks.length > 0) warn(`tracks left out: ${summarize(tracks)}`)
  if (subtitles === 'none' && probe.subtitles.length > 0) warn(`subtitles left out: ${probe.subtitles.length}`)
}

/** Warns about lost marks of 360° video, and about a resolution or sample aspect ratio that changes mid-stream. */
export function reportChanges(
  { probe, warn }: RunContext,
  { corruption, result: { video } }: Pick<Result, 'corruption' | 'result'>,
): void {
  const lost = probe.video ? findLostMarks(probe.video, video) : []
  if (lost.length > 0) warn(`the result is not marked as ${lost.join(' and ')} video: players show it flat`)
  if (!video || !corruption.detections.includes(detections.resized)) return
  warn(
    `the resolution or aspect ratio changes mid-stream: frames of another shape were fitted into ${video.width}x${video.height}`,
  )
}

/** Lists up to five names: job documents stay small. */
function summarize(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}
