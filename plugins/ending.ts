import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Probe, RunContext } from '../daemon/index.ts'
import { toPictureEnd } from './judge.ts'
import { toMuxerOptions, type Recipe } from './recipe.ts'
import type { Result } from './result.ts'
import { NOTICED_SECONDS } from './time.ts'

/**
 * Lets the last picture last as long as in the source, which encoders do not hear of. It is the rare film without sound,
 * such as a recorded screen: so what is made is copied once more, with lengths that all end with the film (containers keep
 * that of the last packet only).
 */
export async function lengthen(context: RunContext, recipe: Recipe, made: Result): Promise<Result> {
  const end = toPictureEnd({ ...made, probe: context.probe })
  if (end === null || end - (made.result.durationSeconds ?? 0) <= NOTICED_SECONDS) return made
  const path = join(context.workspace, `transcode-${randomUUID()}.${recipe.container}`)
  const options = [...toLongerOptions(end, made.result), ...toMuxerOptions(recipe)]
  await context.ffmpeg({ input: made.path, outputs: [{ path, options }] })
  const result = await context.inspect(path)
  const isRight = Math.abs((result.durationSeconds ?? 0) - end) <= NOTICED_SECONDS
  return isRight ? { ...made, path, result } : made
}

function toLongerOptions(end: number, { video, audio, chapterCount }: Probe): string[] {
  const maps = [video, audio].filter((stream) => stream !== null).flatMap(({ index }) => ['-map', `0:${index}`])
  const chapters = ['-map_chapters', chapterCount > 0 ? '0' : '-1']
  // whose times are not named gets its decode times for both
  const length = `setts=pts=PTS:dts=DTS:duration=max(1\\,${end.toFixed(6)}/TB-PTS)`
  return [...maps, ...chapters, '-c', 'copy', '-bsf:v', length]
}
