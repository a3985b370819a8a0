import { roundSeconds } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'
import type { FfmpegCommand, FfmpegResult } from '../vocabulary/ffmpeg.ts'
import type { JobDocument, Output, Warning } from '../vocabulary/job.ts'
import type { DaemonLog, Log } from '../vocabulary/log.ts'
import type { Probe } from '../vocabulary/media.ts'
import type { Artifact, Plugin, RunContext, UploadOptions } from '../vocabulary/plugin.ts'
import { noTracing, type Tracing } from '../vocabulary/tracing/tracing.ts'
import { assertRoomForOutput, toBoundedNote } from '../protocol/bounds.ts'
import type { KeyScope } from '../protocol/keys.ts'
import { toAnalysisOptions } from '../programs/input.ts'
import { toArtifact, toKey } from './artifact.ts'
import type { PluginLimits } from './supervise.ts'
import type { PluginTimer } from './timer.ts'

/** Dependencies of every plugin run. ffmpeg and ffprobe run hardened. */
export type ChainDeps = {
  ffmpeg(run: {
    command: FfmpegCommand
    input: string
    workspace: string
    signal: AbortSignal
    log: Log
    onCpu: (seconds: number) => void
    onExit: (code: number | null) => void
  }): Promise<FfmpegResult>
  inspect(path: string, signal: AbortSignal): Promise<Probe>
  /** Longest duration of a plugin's file, as a player shows it: `config.limits.durationSeconds`. */
  maxSeconds: number
  plugin: PluginLimits
  /** Default: no spans. */
  tracing?: Tracing
}

/** One attempt at a job, as plugins see it. */
export type ChainJob = {
  document: Pick<JobDocument, 'id' | 'attempt' | 'claim' | 'source'>
  scope: KeyScope
  workspace: string
  input: string
  probe: Probe
  signal: AbortSignal
  log: DaemonLog
  onProgress(progress: JobDocument['progress']): void
  onWarning(warning: Warning): void
  upload(artifact: Artifact, options: UploadOptions, signal: AbortSignal): Promise<Output>
}

/** The run of one plugin in a chain. It appends to the chain's artifacts and outputs. */
export type Turn = {
  plugin: Plugin
  job: ChainJob
  /** Aborts with the job's signal, and when the time of the plugin is used up. */
  signal: AbortSignal
  artifacts: Artifact[]
  outputs: Output[]
  timer: PluginTimer
  /** Converts the fraction of the plugin to the percentage of the chain. */
  toPercent(fraction: number): number
}

/** Creates the context for the plugin's `run`. */
export function createContext(deps: ChainDeps, turn: Turn): RunContext {
  const { job, signal, artifacts, outputs, timer } = turn
  const { name: plugin, hooks } = turn.plugin
  const { document, workspace, input } = job
  const log = job.log.child({ plugin })
  const inspect = (path: string) => inspectOutput(deps, path, signal)
  const progress = (reported: number) => {
    if (signal.aborted) return
    const fraction = Math.min(1, Math.max(0, reported || 0))
    job.onProgress({ plugin, percent: turn.toPercent(fraction), pluginPercent: Math.round(fraction * 100) })
  }
  progress(0)
  let lapStarted = performance.now()
  return {
    job: { id: document.id, attempt: document.attempt, claim: document.claim },
    source: document.source,
    input,
    probe: job.probe,
    workspace,
    artifacts,
    signal,
    log,
    progress,
    inspect,
    warn: (message) => job.onWarning({ plugin, message }),
    skip(reason) {
      log.debug({ event: 'plugin.skipped', reason }, `plugin skipped: ${reason}`)
      timer.skip(toBoundedNote(reason))
    },
    note: (message) => timer.note(toBoundedNote(message)),
    toKey: (options) => toKey({ options, scope: job.scope, keys: hooks.keys ?? [] }),
    ffmpeg: (command) => runFfmpeg(deps, turn, { command, log }),
    async add(path, kind, options) {
      const seconds = roundSeconds((performance.now() - lapStarted) / 1000)
      const file = { path, kind, options, seconds, keys: hooks.keys ?? [], added: artifacts }
      const artifact = await toArtifact({ ...file, workspace, scope: job.scope, inspect })
      lapStarted = performance.now()
      signal.throwIfAborted() // the chain can have continued without this plugin
      assertRoomForOutput(artifacts.length)
      artifacts.push(artifact)
      return artifact
    },
    storage: {
      async upload(artifact, options = {}) {
        assertRoomForOutput(outputs.length)
        const output = await job.upload(artifact, options, signal)
        outputs.push(output)
        return output
      },
    },
  }
}

/** Runs ffmpeg on the source of the job, in a span of its own. */
function runFfmpeg(deps: ChainDeps, turn: Turn, { command, log }: { command: FfmpegCommand; log: Log }) {
  const { job, signal, timer } = turn
  const { input, workspace, probe } = job
  const { tracing = noTracing } = deps
  return tracing.span({ name: 'ffmpeg', attributes: { 'process.executable.name': 'ffmpeg' } }, (span) =>
    deps.ffmpeg({
      command: withAnalysis(command, probe),
      input,
      workspace,
      signal,
      log,
      onCpu(seconds) {
        timer.addCpu(seconds)
        span.set({ 'mediad.ffmpeg.cpu_seconds': seconds })
      },
      onExit: (code) => code !== null && span.set({ 'process.exit.code': code }),
    }),
  )
}

/** Makes ffmpeg search as long for the parameters of the source's tracks as ffprobe did. */
function withAnalysis(command: FfmpegCommand, { needsLongAnalysis = false }: Probe): FfmpegCommand {
  if (command.input !== undefined || !needsLongAnalysis) return command
  return { ...command, inputOptions: [...toAnalysisOptions(true), ...(command.inputOptions ?? [])] }
}

/** Reports a defect of a plugin's file as an internal error; an `input.*` error would reject the source. */
async function inspectOutput({ inspect, maxSeconds }: ChainDeps, path: string, signal: AbortSignal): Promise<Probe> {
  try {
    const probe = await inspect(path, signal)
    assertOutputDuration(probe, maxSeconds)
    return probe
  } catch (error) {
    if (!(error instanceof MediadError && error.code.startsWith('input.'))) throw error
    throw new MediadError('internal.output', `a plugin produced a file that cannot be read: ${error.message}`, {
      cause: error,
    })
  }
}

/** ffmpeg enforces the limit on the video and audio it writes; the duration of the file can exceed both. */
function assertOutputDuration({ durationSeconds }: Probe, maxSeconds: number): void {
  if ((durationSeconds ?? 0) <= maxSeconds + LENGTH_SLACK_SECONDS) return
  const message = `a plugin produced a file of ${durationSeconds?.toFixed(0)} s; limits.durationSeconds is ${maxSeconds}`
  throw new MediadError('resource.limit', message)
}

/** Tolerance, because the exact end of video and audio is unknown until both are written. */
const LENGTH_SLACK_SECONDS = 2
