import { MediadError, type ErrorCode } from '../vocabulary/errors.ts'
import { toLaunchError } from '../programs/launch.ts'
import type { Exit } from '../programs/start.ts'
import type { Programs } from '../programs/programs.ts'
import { printed, type PrintedLine } from '../programs/printed/lines.ts'
import { classify, toExitError, type Facts } from '../programs/printed/stderr.ts'

type EndedRun = { programs: Programs; usesHardware: boolean }

/** Signals that a program causes itself. */
const CRASHES: ReadonlySet<NodeJS.Signals> = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE'])

/** Returns the error for a run of ffmpeg that has ended; null when it succeeded. */
export async function toEndError(exit: Exit, lines: readonly string[], run: EndedRun): Promise<MediadError | null> {
  const { error, signal, code } = exit
  if (error) return toLaunchError('ffmpeg', error)
  if (code === 0 && lines.length === 0) return null
  const facts = await findFacts(lines, run)
  const known = classify(lines, facts)
  const fail = (code: ErrorCode, message: string) => new MediadError(code, message, { stderr: lines })
  // an encoder can crash when an allocation fails
  if (signal && known?.code === 'resource.memory') return fail('resource.memory', known.message)
  if (signal && CRASHES.has(signal)) {
    // the driver of a hardware encoder is in the process of ffmpeg
    if (run.usesHardware) return fail('resource.hardware', `the hardware encoder failed: ffmpeg crashed (${signal})`)
    return fail('internal.ffmpeg_signal', `ffmpeg crashed (${signal})`)
  }
  if (signal) return fail('internal.ffmpeg_signal', `ffmpeg was terminated by ${signal}`)
  // ffmpeg handles SIGTERM and SIGINT itself, exits with 255, and logs it at a level that is not shown
  if (code === 255 && !known)
    return fail('internal.ffmpeg_signal', 'ffmpeg was terminated by a process other than mediad')
  if (code !== 0)
    return toExitError({ program: 'ffmpeg', exitCode: code ?? -1, lines, facts, fallback: 'internal.ffmpeg' })
  // some muxers only print a full disk, and ffmpeg exits with 0
  return known?.code === 'resource.disk' ? fail('resource.disk', known.message) : null
}

/**
 * Finds the facts that printed lines are checked against: ffmpeg's lists, if a line names something that is missing. A list
 * that cannot be queried confirms no line. Never rejects.
 */
async function findFacts(lines: readonly string[], { programs, usesHardware }: EndedRun): Promise<Facts> {
  const names = (known: PrintedLine) => lines.some((line) => known.pattern.test(line))
  const none: ReadonlySet<string> = new Set()
  const [encoders, filters] = await Promise.allSettled([
    names(printed.noEncoder) ? programs.encoders() : none,
    names(printed.noFilter) ? programs.filters() : none,
  ])
  return {
    writes: true,
    usesHardware,
    lacks(kind, name) {
      const names = kind === 'encoder' ? encoders : filters
      return names.status === 'fulfilled' && !names.value.has(name)
    },
  }
}
