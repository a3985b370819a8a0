import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import FluentFfmpeg from 'fluent-ffmpeg'
import { MediadError } from '../vocabulary/errors.ts'
import { createCorruptionCounter } from '../programs/corruption.ts'
import type { Corruption, FfmpegCommand, FfmpegResult } from '../vocabulary/ffmpeg.ts'
import type { RunLimits } from './cost.ts'
import { toFileUrl, toInputOptions, type InputLimits } from '../programs/input.ts'
import { toEndError } from './end-error.ts'
import { launch } from '../programs/launch.ts'
import { toRunEnvironment, type Programs } from '../programs/programs.ts'
import { createStopper, type Stopper } from './stopper.ts'
import { watch } from './watch.ts'
import type { Log } from '../vocabulary/log.ts'

export type FfmpegRun = {
  command: FfmpegCommand
  /** The source, for commands that name no input of their own. */
  input: string
  /** Where the progress file goes while ffmpeg runs. */
  workspace: string
  signal: AbortSignal
  log: Log
  /** Gets the CPU time it took, also when it fails. */
  onCpu?: (seconds: number) => void
}

export type Ffmpeg = {
  /**
   * Runs one command to its end. When it resolves, every output exists and is not empty; when it rejects, ffmpeg is gone.
   *
   * @throws MediadError `internal.ffmpeg`, `internal.ffmpeg_signal`, `internal.output`, `transient.stalled`, `input.*`,
   * `resource.*` (`resource.limit` for what costs too much), `config.ffmpeg`; the signal's reason when it aborts.
   */
  run(run: FfmpegRun): Promise<FfmpegResult>
}

export type FfmpegDeps = {
  programs: Programs
  /** Without a sign of life for this long, ffmpeg is killed and the run is a `transient.stalled`. */
  stallSeconds: number
  limits: RunLimits & InputLimits
}

export function createFfmpeg(deps: FfmpegDeps): Ffmpeg {
  return {
    async run(run) {
      run.signal.throwIfAborted()
      const startedAt = performance.now()
      const progressPath = join(run.workspace, `.progress-${randomUUID()}`)
      try {
        const made = await runToTheEnd({ ...deps, ...run, progressPath })
        run.command.onProgress?.(1)
        return { seconds: (performance.now() - startedAt) / 1000, ...made }
      } finally {
        await rm(progressPath, { force: true })
      }
    },
  }
}

type Story = FfmpegRun & FfmpegDeps & { progressPath: string }

async function runToTheEnd(story: Story): Promise<Omit<FfmpegResult, 'seconds'>> {
  const { command, signal, log } = story
  const outputs = command.outputs.map(({ path }) => path)
  const fluent = await compose(story)
  signal.throwIfAborted()
  const { ended, processId, readCorruption } = start(fluent, story)
  const stopper = createStopper((name) => fluent.kill(name))
  const watcher = beginWatch(story, processId, stopper)
  const abort = () => stopper.end(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  const [ending] = await Promise.allSettled([ended])
  signal.removeEventListener('abort', abort)
  const { outSeconds, frame, droppedFrames, cpuSeconds, excess } = await watcher.stop()
  story.onCpu?.(cpuSeconds)
  stopper.settle()
  if (ending.status === 'rejected') throw ending.reason
  if (excess) throw excess
  const lines = ending.value
  if (lines.length > 0) log.debug({ event: 'ffmpeg.warned', stderr: lines }, 'ffmpeg finished with warnings')
  await Promise.all(outputs.map((path) => checkOutput(path, lines)))
  return { outSeconds, frames: frame, droppedFrames, cpuSeconds, corruption: readCorruption() }
}

function beginWatch(
  { command, progressPath, workspace, stallSeconds, limits }: Story,
  processId: number | undefined,
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
    onStall: () =>
      stopper.kill(new MediadError('transient.stalled', `ffmpeg gave no sign of life for ${stallSeconds} s`)),
    limits,
    onExcess: stopper.kill,
    onError: stopper.kill,
  })
}

/**
 * The command line. Lists are always handed to fluent-ffmpeg as two or more arguments: a single one with a space in it
 * would be split. It adds `-y` for paths only, not for `file:` addresses.
 */
async function compose({ command, input, progressPath, limits }: Story): Promise<FluentFfmpeg.FfmpegCommand> {
  const path = command.input ?? input
  const fluent = FluentFfmpeg(toFileUrl(path))
  const quiet = ['-nostdin', '-hide_banner', '-nostats', '-loglevel', 'level+warning']
  fluent.inputOptions(
    ...quiet,
    '-progress',
    toFileUrl(progressPath),
    ...(command.inputOptions ?? []),
    ...(await toInputOptions(path, limits)),
  )
  for (const output of command.outputs)
    fluent.output(toFileUrl(output.path)).outputOptions('-y', ...output.options, '-y')
  // its muxer opens no file: the name says nothing
  if (command.alsoDecode !== undefined)
    fluent.output(toFileUrl('nothing')).outputOptions(...command.alsoDecode, '-f', 'null')
  return fluent
}

type Ring = { get(): string }
type Begun = (child: ChildProcess) => void
type Ended = (error: Error | null, stdout: Ring, stderr: Ring) => void
type Started = { ended: Promise<string[]>; processId: number | undefined; readCorruption(): Corruption }
type Internals = { _getArguments(): string[] }

/**
 * Lets fluent-ffmpeg run the command, with two of its inner steps replaced on this one command:
 * `_prepare` would start further, unhardened processes (`-formats`, `-encoders`, ffprobe);
 * `_spawnFfmpeg` takes the program from module-global state, keeps a line without end in memory, and brings the whole
 * process down when a program cannot be started, because it then reads the output of none.
 * `ended` resolves with the last lines ffmpeg printed, once it is gone.
 */
function start(fluent: FluentFfmpeg.FfmpegCommand, { programs, workspace, command, input }: Story): Started {
  const counter = createCorruptionCounter()
  const path = command.input ?? input
  const env = toRunEnvironment({ workspace, input: path })
  const { promise, resolve, reject } = Promise.withResolvers<string[]>()
  let processId: number | undefined
  Object.assign(fluent, {
    _prepare: (prepared: (error: null, options: string[]) => void) =>
      prepared(null, (fluent as unknown as Internals)['_getArguments']()),
    _spawnFfmpeg: (options: string[], ...[, started, ended]: [object, Begun, Ended]) => {
      const { child, stderr, exit } = launch({
        program: programs.ffmpeg,
        options,
        env,
        folder: workspace,
        onLine: counter.see,
      })
      // a source may be called like an error message
      const lines = () => stderr.lines().map((line) => line.replaceAll(path, 'source').replaceAll(`${workspace}/`, ''))
      const ring: Ring = { get: () => lines().join('\n') }
      processId = child?.pid
      if (child) started(child)
      void exit.then(async (ending) => ended(await toEndError(ending, lines(), programs), ring, ring))
    },
  })
  fluent.once('end', (_stdout: unknown, stderr?: string | null) =>
    resolve((stderr ?? '').split('\n').filter((line) => line !== '')),
  )
  fluent.once('error', reject)
  fluent.run()
  return { ended: promise, processId, readCorruption: counter.read }
}

async function checkOutput(path: string, lines: readonly string[]): Promise<void> {
  const size = await stat(path).then(
    (status) => status.size,
    () => 0,
  )
  if (size === 0)
    throw new MediadError('internal.output', 'ffmpeg reported success but wrote nothing', { stderr: lines })
}
