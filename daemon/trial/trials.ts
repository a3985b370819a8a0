import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { JobLimits } from '../config/limits.ts'
import { MediadError, toMediadError } from '../vocabulary/errors.ts'
import { createFfmpeg, type Ffmpeg } from '../ffmpeg/ffmpeg.ts'
import type { Programs } from '../programs/programs.ts'
import type { FfmpegTrial } from '../vocabulary/ffmpeg.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { createInspect } from '../probe/inspect.ts'
import { sampleProbe, toSampleImage, toSampleVideo } from './sample.ts'

/** Fixed limits for the sample; it must never hit the config's limits, which are for jobs. */
const limits: Omit<JobLimits, 'sourceBytes' | 'pluginSeconds' | 'memoryBytes'> = {
  pixels: 2 ** 20,
  streams: 10,
  durationSeconds: 60,
  frames: 1000,
  outputBytes: 2 ** 30,
  workspaceBytes: 2 ** 30,
  wallSeconds: 600,
  wallFactor: 600,
}

const STALL_SECONDS = 60

export type TrialDeps = { programs: Programs; plugins: readonly Plugin[]; log: DaemonLog }

/**
 * Runs the trials that the plugins declare, with the options of every run (whitelists, limits, progress), and ffprobe on
 * a sample. All trials share one run of ffmpeg; if it fails, each trial runs alone to find the ones that fail.
 *
 * @returns the names of the trials.
 * @throws MediadError `config.ffmpeg` with the name and the error of each failed trial; `resource.*`, `transient.stalled`.
 */
export async function runTrials({ programs, plugins, log }: TrialDeps): Promise<string[]> {
  const folder = await mkdtemp(join(dirname(programs.ffmpeg), 'trial-'))
  try {
    const trials = distinct(plugins.flatMap(toTrials))
    const results = await Promise.allSettled([tryProbe(programs, folder), tryAll({ programs, trials, folder, log })])
    const failures = results.flatMap((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    if (failures.length > 0) throw toError(failures, programs)
    return trials.map(({ trial }) => trial.name)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Lists the encoders and filters that the trials of these plugins use. After a passed trial they are known to exist. */
export function findTested(plugins: readonly Plugin[]): { encoders: Set<string>; filters: Set<string> } {
  const lists = plugins.flatMap(toTrials).flatMap(({ trial }) => [trial.output?.options ?? [], trial.alsoDecode ?? []])
  const pairs = lists.flatMap((options) => options.slice(1).map((value, at) => ({ name: options[at] ?? '', value })))
  const valuesOf = (pattern: RegExp) => pairs.filter(({ name }) => pattern.test(name)).map(({ value }) => value)
  const chains = valuesOf(/^-(?:[va]f|filter)(?::|$)/)
  return {
    encoders: new Set(valuesOf(/^-(?:c|codec|[vas]codec)(?::|$)/)),
    filters: new Set(chains.flatMap((chain) => Array.from(chain.matchAll(/(?<=^|[,;\]])\w+/g), ([name]) => name))),
  }
}

/** A trial and the name of its plugin. */
type PluginTrial = { readonly plugin: string; readonly trial: FfmpegTrial }

/** A failed trial. */
type Failure = { readonly name: string; readonly error: MediadError }

function toTrials({ name: plugin, hooks }: Plugin): PluginTrial[] {
  return (hooks.trials?.(sampleProbe) ?? []).map((trial) => ({ plugin, trial }))
}

/** Removes duplicates: plugins with the same options need one trial. */
function distinct(trials: readonly PluginTrial[]): PluginTrial[] {
  return [...new Map(trials.map((trial) => [JSON.stringify(trial), trial])).values()]
}

async function tryProbe(programs: Programs, folder: string): Promise<Failure[]> {
  const path = join(folder, 'sample.png')
  await writeFile(path, toSampleImage())
  try {
    // the trial does not need the list of decoders; the first job reads it
    const withoutDecoders = { ...programs, decoders: async () => new Set<string>() }
    await createInspect({ programs: withoutDecoders, limits })(path)
    return []
  } catch (error) {
    return [toFailure('ffprobe', error)]
  }
}

type Trials = { programs: Programs; trials: readonly PluginTrial[]; folder: string; log: DaemonLog }

async function tryAll({ programs, trials, folder, log }: Trials): Promise<Failure[]> {
  if (trials.length === 0) return []
  const input = join(folder, 'sample.avi')
  await writeFile(input, toSampleVideo())
  const { run } = createFfmpeg({ programs, stallSeconds: STALL_SECONDS, limits })
  const attempt = (batch: readonly FfmpegTrial[]) => runTogether({ run, input, folder, log }, batch)
  // a run accepts one `alsoDecode`
  const [together, alone] = divide(trials.map(({ trial }) => trial))
  try {
    await attempt(together)
    for (const trial of alone) await attempt([trial])
    return []
  } catch (error) {
    log.debug({ event: 'trial.failed', error }, 'trial run of ffmpeg failed: each trial runs alone to find the cause')
  }
  const failures: Failure[] = []
  for (const { trial, plugin } of trials)
    await attempt([trial]).catch((error: unknown) => failures.push(toFailure(`${trial.name} (for ${plugin})`, error)))
  return failures
}

function divide(trials: readonly FfmpegTrial[]): [together: FfmpegTrial[], alone: FfmpegTrial[]] {
  const first = trials.find(({ alsoDecode }) => alsoDecode !== undefined)
  const isAlone = (trial: FfmpegTrial) => trial.alsoDecode !== undefined && trial !== first
  return [trials.filter((trial) => !isAlone(trial)), trials.filter(isAlone)]
}

type Runner = { run: Ffmpeg['run']; input: string; folder: string; log: DaemonLog }

async function runTogether({ run, input, folder, log }: Runner, trials: readonly FfmpegTrial[]): Promise<void> {
  const alsoDecode = trials.find((trial) => trial.alsoDecode !== undefined)?.alsoDecode
  const outputs = trials.flatMap(({ output }) =>
    output ? [{ path: join(folder, `${randomUUID()}.${output.extension}`), options: output.options }] : [],
  )
  const inputOptions = [
    ...new Map(trials.map(({ inputOptions = [] }) => [inputOptions.join(' '), inputOptions])).values(),
  ]
  const command = { inputOptions: inputOptions.flat(), outputs, ...(alsoDecode && { alsoDecode }) }
  await run({
    command,
    input,
    workspace: folder,
    signal: new AbortController().signal,
    log: log.child({ plugin: 'trial' }),
  })
}

/** Rethrows errors of the machine (out of memory or disk space), which do not depend on the ffmpeg. */
function toFailure(name: string, thrown: unknown): Failure {
  const error = toMediadError(thrown, 'internal.ffmpeg')
  if (/^(?:resource|transient)\./.test(error.code)) throw error
  return { name, error }
}

function toError(failures: readonly Failure[], { version, probeVersion }: Programs): MediadError {
  const list = failures.map(({ name, error: { code, message, stderr } }) => {
    // the first error line explains more than the exit code
    const firstError = stderr.find((line) => /\[(?:error|fatal)\]/.test(line)) ?? message
    return `${name}: ${(code === 'internal.ffmpeg' ? firstError : message).replace(/\.$/, '')}`
  })
  const tested = version === probeVersion ? `ffmpeg ${version}` : `ffmpeg ${version} with ffprobe ${probeVersion}`
  return new MediadError(
    'config.ffmpeg',
    `${tested} failed a trial run of ${list.join('; ')}. Install an ffmpeg that supports this, or choose other options in the config`,
    { stderr: failures.flatMap(({ error }) => error.stderr) },
  )
}
