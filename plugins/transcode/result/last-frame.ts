import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MediadError, type Probe, type RunContext } from 'mediad'
import { toVideoEnd } from './defects.ts'
import type { Container } from '../codecs.ts'
import { toMuxerOptions, type EncodeSettings } from '../options.ts'
import { toMediaSeconds, type Result } from './result.ts'
import { TOLERANCE_SECONDS } from '../timestamps.ts'

/** How much earlier than the video the index of reordered frames can end. */
const INDEXED_SECONDS = 0.5

/**
 * Extends the last frame to its duration in the source, which encoders drop. Only few sources need it, such as screen
 * recordings without audio, so the result is copied once more, with packet durations that reach the end of the video. An mp4
 * stores the duration of the last packet; other containers do not. Returns the result unchanged when that fails.
 */
export async function extendLastFrame<Encoded extends Result>(
  context: RunContext,
  settings: Pick<EncodeSettings, 'container' | 'metadata'>,
  encoded: Encoded,
): Promise<Encoded> {
  return await extendWith(context, { container: settings.container, muxer: toMuxerOptions(settings) }, encoded)
}

type Target = {
  readonly container: Container
  /** Options of the muxer. */
  readonly muxer: readonly string[]
  /** Timestamp at which ffmpeg reads the start of the result, in seconds. */
  readonly shift?: number
}

/** Extends the last frame as {@link extendLastFrame} does, with other options of the muxer. */
export async function extendWith<Encoded extends Result>(
  context: RunContext,
  { container, muxer, shift = 0 }: Target,
  encoded: Encoded,
): Promise<Encoded> {
  const end = container === 'mp4' ? toVideoEnd({ ...encoded, probe: context.probe }) : null
  if (end === null || lastsUntil(encoded.result, end)) return encoded
  const path = join(context.workspace, `transcode-${randomUUID()}.${container}`)
  const result = await copyExtended(context, { path, end: end + shift, muxer, encoded })
  const isRight = result !== null && Math.abs(toMediaSeconds(result) - end) <= TOLERANCE_SECONDS
  await rm(isRight ? encoded.path : path, { force: true })
  return isRight ? { ...encoded, path, result } : encoded
}

/**
 * Whether a result lasts until `end` according to its header and to the index of its video, within the inaccuracy of
 * reordered frames. Since ffmpeg 6 the muxer writes the source's duration of the last frame into the header, but not always
 * into the index.
 */
function lastsUntil(result: Probe, end: number): boolean {
  const indexed = result.video?.durationSeconds ?? end
  return end - toMediaSeconds(result) <= TOLERANCE_SECONDS && end - indexed <= INDEXED_SECONDS
}

type Extension = { path: string; end: number; muxer: readonly string[]; encoded: Result }

/** Copies the result with an extended last frame. Null when the duration exceeds the container or the limits. */
async function copyExtended(context: RunContext, { path, end, muxer, encoded }: Extension): Promise<Probe | null> {
  const options = [...toExtensionOptions(end, encoded.result), ...muxer]
  try {
    await context.ffmpeg({ input: encoded.path, outputs: [{ path, options }] })
    return await context.inspect(path)
  } catch (error) {
    if (!(error instanceof MediadError && /^(?:internal\.|resource\.limit$)/.test(error.code))) throw error
    context.log.debug(
      { event: 'transcode.last_frame_kept', error },
      'cannot extend the last frame to the duration in the index',
    )
    return null
  }
}

function toExtensionOptions(end: number, { video, audio, chapterCount }: Probe): string[] {
  const maps = [video, audio].filter((stream) => stream !== null).flatMap(({ index }) => ['-map', `0:${index}`])
  const chapters = ['-map_chapters', chapterCount > 0 ? '0' : '-1']
  return [...maps, ...chapters, '-c', 'copy', '-bsf:v', toLastFrameFilter(end)]
}

/**
 * Returns a bitstream filter that sets the duration of each packet to the rest of the video; the muxer uses that of the last
 * one. `setts` sets both timestamps to the decoding timestamp unless both are named.
 */
export function toLastFrameFilter(end: number): string {
  return `setts=pts=PTS:dts=DTS:duration=max(1\\,${end.toFixed(6)}/TB-PTS)`
}
