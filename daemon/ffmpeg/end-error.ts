import { MediadError, type ErrorCode } from '../vocabulary/errors.ts'
import { toLaunchError, type Exit } from '../programs/launch.ts'
import type { Programs } from '../programs/programs.ts'
import { classify, toExitError, type Facts } from '../programs/stderr.ts'

/** What a run of ffmpeg that is over has failed of; null when it has not. */
export async function toEndError(
  exit: Exit,
  lines: readonly string[],
  programs: Programs,
): Promise<MediadError | null> {
  const { error, signal, code } = exit
  if (error) return toLaunchError('ffmpeg', error)
  if (code === 0 && lines.length === 0) return null
  const facts = await findFacts(programs)
  const known = classify(lines, facts)
  const fail = (code: ErrorCode, message: string) => new MediadError(code, message, { stderr: lines })
  // an encoder may crash over the memory it did not get
  if (signal && known?.code === 'resource.memory') return fail('resource.memory', known.message)
  if (signal) return fail('internal.ffmpeg_signal', `ffmpeg was ended by ${signal}`)
  // ffmpeg catches SIGTERM and SIGINT, and says so on a level that is not shown
  if (code === 255 && !known) return fail('internal.ffmpeg_signal', 'ffmpeg was told to end from outside')
  if (code !== 0)
    return toExitError({ program: 'ffmpeg', exitCode: code ?? -1, lines, facts, fallback: 'internal.ffmpeg' })
  // some muxers only mention it
  return known?.code === 'resource.disk' ? fail('resource.disk', known.message) : null
}

/** What of its complaints can be true; what cannot be found out is not. Never rejects. */
async function findFacts(programs: Programs): Promise<Facts> {
  const [encoders, filters] = await Promise.allSettled([programs.encoders(), programs.filters()])
  return {
    writes: true,
    lacks(kind, name) {
      const names = kind === 'encoder' ? encoders : filters
      return names.status === 'fulfilled' && !names.value.has(name)
    },
  }
}
