import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MediadError, type Probe, type RunContext } from 'mediad'
import { toVideoEnd } from './defects.ts'
import { toMuxerOptions, type EncodeSettings } from './options.ts'
import { toLength, type Result } from './result.ts'
import { NOTICED_SECONDS } from './timestamps.ts'

/** How much earlier the index of reordered frames may end. */
const INDEXED_SECONDS = 0.5

/**
 * Lets the last picture last as long as in the source, which encoders do not hear of. It is the rare film without sound,
 * such as a recorded screen: so what is made is copied once more, with lengths that all end with the film. An mp4 keeps
 * that of the last packet; other containers keep none. Where it does not work out, the film stays as it was made.
 */
export async function extendLastFrame(context: RunContext, settings: EncodeSettings, made: Result): Promise<Result> {
  const end = settings.container === 'mp4' ? toVideoEnd({ ...made, probe: context.probe }) : null
  if (end === null || isAsLong(made.result, end)) return made
  const path = join(context.workspace, `transcode-${randomUUID()}.${settings.container}`)
  const result = await copyExtended(context, { path, end, settings, made })
  const isRight = result !== null && Math.abs(toLength(result) - end) <= NOTICED_SECONDS
  await rm(isRight ? made.path : path, { force: true })
  return isRight ? { ...made, path, result } : made
}

/**
 * Whether a result lasts until `end` by its header and, as far as an index of reordered frames says, by that of its video:
 * from ffmpeg 6 on the muxer writes the source's duration of the last frame into the header, but not always into the index.
 */
function isAsLong(result: Probe, end: number): boolean {
  const indexed = result.video?.durationSeconds ?? end
  return end - toLength(result) <= NOTICED_SECONDS && end - indexed <= INDEXED_SECONDS
}

type Extension = { path: string; end: number; settings: EncodeSettings; made: Result }

/** Null when it cannot be: a time too long for the container, a film longer than the limits allow. */
async function copyExtended(context: RunContext, { path, end, settings, made }: Extension): Promise<Probe | null> {
  const options = [...toExtensionOptions(end, made.result), ...toMuxerOptions(settings)]
  try {
    await context.ffmpeg({ input: made.path, outputs: [{ path, options }] })
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
  return [...maps, ...chapters, '-c', 'copy', '-bsf:v', toLongerFilter(end)]
}

/** Lets each packet last until the end; setts sets both times to the decode time unless both are named. */
export function toLongerFilter(end: number): string {
  return `setts=pts=PTS:dts=DTS:duration=max(1\\,${end.toFixed(6)}/TB-PTS)`
}
