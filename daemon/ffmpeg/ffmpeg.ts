import { randomUUID } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import FluentFfmpeg from 'fluent-ffmpeg'
import { MediadError } from '../vocabulary/errors.ts'
import { createCorruptionCounter } from '../programs/printed/corruption.ts'
import type { Corruption, FfmpegCommand, FfmpegResult } from '../vocabulary/ffmpeg.ts'
import type { RunLimits } from './cost.ts'
import { readInputOptions, toFileUrl, type InputLimits } from '../programs/input.ts'
import { toEndError } from './end-error.ts'
import { launch } from '../programs/launch.ts'
import type { Running } from '../programs/start.ts'
import { toRunEnvironment, type Programs } from '../programs/programs.ts'
import { findHardwareEncoder } from '../programs/hardware.ts'
import { createMemoryGuard } from './memory-guard.ts'
import { createStopper, type Stopper } from './stopper.ts'
import { watch } from './watch.ts'
import type { Log } from '../vocabulary/log.ts'

export type FfmpegRun = {
  command: FfmpegCommand
  /** Path of the source, for commands that name no input of their own. */
  input: string
  /** Folder for the progress file while ffmpeg runs. */
  workspace: string
  signal: AbortSignal
  log: Log
  /** Called with the CPU time that ffmpeg used, also when it fails. */
  onCpu?: (seconds: number) => void
  /** Called with the exit code of ffmpeg; null if it was killed or could not be started. */
  onExit?: (code: number | null) => void
}

export type Ffmpeg = {
  /**
   * Runs one command to its end. When it resolves, every output exists and is not empty. When it rejects, ffmpeg has ended.
   *
   * @throws MediadError `internal.ffmpeg`, `internal.ffmpeg_signal`, `internal.output`, `transient.stalled`, `input.*`,
   * `resource.*` (`resource.limit` when a limit is exceeded), `config.ffmpeg`; the signal's reason when it aborts.
   */
  run(run: FfmpegRun): Promise<FfmpegResult>
}

export type FfmpegDeps = {
  programs: Programs
  /** Seconds without activity after which ffmpeg is killed and the run fails with `transient.stalled`. */
  stallSeconds: number
  limits: RunLimits & InputLimits
}

export function createFfmpeg(deps: FfmpegDeps): Ffmpeg {
  return {
    async run(request) {
      request.signal.throwIfAborted()
      const startedAt = performance.now()
      const progressPath = join(request.workspace, `.progress-${randomUUID()}`)
      try {
        const result = await runToEnd({ ...deps, ...request, progressPath })
        request.command.onProgress?.(1)
        return { seconds: (performance.now() - startedAt) / 1000, ...result }
      } finally {
        await rm(progressPath, { force: true })
      }
    },
  }
}

type Run = FfmpegRun & FfmpegDeps & { progressPath: string }

async function runToEnd(run: Run): Promise<Omit<FfmpegResult, 'seconds'>> {
  const { command, signal, log } = run
  const outputs = command.outputs.filter(({ canBeEmpty }) => canBeEmpty !== true)
  const fluent = await compose(run)
  signal.throwIfAborted()
  const stopper: Stopper = createStopper((name) => running()?.signal(name))
  const { finished, running, readCorruption } = start(fluent, run, createMemoryGuard(stopper.kill))
  const watcher = startWatch(run, () => running()?.processId(), stopper)
  const abort = () => stopper.end(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  const [end] = await Promise.allSettled([finished])
  signal.removeEventListener('abort', abort)
  const { outSeconds, frame, droppedFrames, cpuSeconds, excess } = await watcher.stop()
  run.onCpu?.(cpuSeconds)
  stopper.settle()
  if (end.status === 'rejected') throw end.reason
  if (excess) throw excess
  const lines = end.value
  if (lines.length > 0) log.debug({ event: 'ffmpeg.warned', stderr: lines }, 'ffmpeg finished with warnings')
  await Promise.all(outputs.map(({ path }) => checkOutput(path, lines)))
  return { outSeconds, frames: frame, droppedFrames, cpuSeconds, corruption: readCorruption() }
}

function startWatch(
  { command, progressPath, workspace, stallSeconds, limits }: Run,
  processId: () => number | undefined,
  stopper: Stopper,
) {
  return watch({
    processId,
    progressPath,
    outputs: command.outputs.map(({ path }) => path),
    workspace,
    stallSeconds,
    durationSeconds: command.durationSeconds ?? null,
    onFraction: (fraction) => command.onProgress?.(fraction),
    onStall: () => stopper.kill(new MediadError('transient.stalled', `ffmpeg made no progress for ${stallSeconds} s`)),
    limits,
    onExcess: stopper.kill,
    onError: stopper.kill,
  })
}

/**
 * Composes the command line. Lists are always passed to fluent-ffmpeg as two or more arguments, because it splits a single
 * argument at spaces. `-y` is added here, because fluent-ffmpeg adds it for plain paths only, not for `file:` URLs.
 */
async function compose({ command, input, progressPath, limits }: Run): Promise<FluentFfmpeg.FfmpegCommand> {
  const path = command.input ?? input
  const fluent = FluentFfmpeg(toFileUrl(path))
  const quiet = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+warning']
  fluent.inputOptions(
    ...quiet,
    '-progress',
    toFileUrl(progressPath),
    ...(command.inputOptions ?? []),
    ...(await readInputOptions(path, limits)),
  )
  for (const output of command.outputs)
    fluent.output(toFileUrl(output.path)).outputOptions('-y', ...output.options, '-y')
  // the null muxer opens no file: the name has no effect
  if (command.alsoDecode !== undefined)
    fluent.output(toFileUrl('nothing')).outputOptions(...command.alsoDecode, '-f', 'null')
  return fluent
}

type Ring = { get(): string }
type OnEnd = (error: Error | null, stdout: Ring, stderr: Ring) => void
type Started = { finished: Promise<string[]>; running(): Running | undefined; readCorruption(): Corruption }
type Internals = { _getArguments(): string[] }

/**
 * Runs the command with fluent-ffmpeg, with two internal methods replaced on this instance:
 * `_prepare` would start further processes without restrictions (`-formats`, `-encoders`, ffprobe);
 * `_spawnFfmpeg` takes the program from global state, buffers output without line ends without a limit, and crashes the
 * daemon when a program cannot be started.
 * `finished` resolves with the last lines that ffmpeg printed, after it has ended.
 */
function start(
  fluent: FluentFfmpeg.FfmpegCommand,
  { programs, workspace, command, input, onExit }: Run,
  onLine: (line: string) => void,
): Started {
  const counter = createCorruptionCounter()
  const path = command.input ?? input
  const env = toRunEnvironment({ workspace, input: path })
  const usesHardware = command.outputs.some(({ options }) => findHardwareEncoder(options) !== undefined)
  const { promise, resolve, reject } = Promise.withResolvers<string[]>()
  let running: Running | undefined
  Object.assign(fluent, {
    _prepare: (onPrepared: (error: null, options: string[]) => void) =>
      onPrepared(null, (fluent as unknown as Internals)['_getArguments']()),
    _spawnFfmpeg: (options: string[], ...[, , onEnd]: [object, unknown, OnEnd]) => {
      const launched = launch({
        program: usesHardware ? programs.hardwareFfmpeg : programs.ffmpeg,
        options,
        env,
        folder: workspace,
        start: programs.start,
        onLine(line) {
          counter.addLine(line)
          onLine(line)
        },
      })
      const { stderr, exit } = launched
      // the name of a file can look like an error message
      const lines = () => stderr.lines().map((line) => line.replaceAll(path, 'source').replaceAll(`${workspace}/`, ''))
      const ring: Ring = { get: () => lines().join('\n') }
      running = launched
      void exit.then(async (end) => {
        onExit?.(end.code)
        onEnd(await toEndError(end, lines(), { programs, usesHardware }), ring, ring)
      })
    },
  })
  fluent.once('end', (_stdout: unknown, stderr?: string | null) =>
    resolve((stderr ?? '').split('\n').filter((line) => line !== '')),
  )
  fluent.once('error', reject)
  fluent.run()
  return { finished: promise, running: () => running, readCorruption: counter.read }
}

async function checkOutput(path: string, lines: readonly string[]): Promise<void> {
  const size = await stat(path).then(
    (status) => status.size,
    () => 0,
  )
  if (size === 0)
    throw new MediadError('internal.output', 'ffmpeg reported success but wrote nothing', { stderr: lines })
}
