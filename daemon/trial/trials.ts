import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { JobLimits } from '../config/limits.ts'
import { MediadError, toMediadError } from '../vocabulary/errors.ts'
import { createFfmpeg, type Ffmpeg } from '../ffmpeg/ffmpeg.ts'
import { findHardwareEncoder, findHardwareFailure } from '../programs/hardware.ts'
import type { Programs } from '../programs/programs.ts'
import type { FfmpegTrial } from '../vocabulary/ffmpeg.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { createInspect } from '../probe/inspect.ts'
import { sampleProbe, toSampleVideo } from './sample.ts'

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

/** What the trials found: the names of those that passed, and how each trial of a hardware encoder ended. */
export type TrialResults = { readonly passed: readonly string[]; readonly hardware: readonly HardwareTrial[] }

/** A trial of a hardware encoder; `failure` is null when it works. */
export type HardwareTrial = { readonly encoder: string; readonly failure: string | null }

export type TrialDeps = { programs: Programs; plugins: readonly Plugin[]; log: DaemonLog }

/**
 * Runs the trials that the plugins declare, with the options of every run (whitelists, limits, progress), and ffprobe on
 * a sample. All trials share one run of ffmpeg; if it fails, each trial runs alone to find the ones that fail.
 *
 * @throws MediadError `config.ffmpeg` with the name and the error of each failed trial that is not optional; `resource.*`,
 * `transient.stalled`.
 */
export async function runTrials({ programs, plugins, log }: TrialDeps): Promise<TrialResults> {
  const folder = await mkdtemp(join(dirname(programs.ffmpeg), 'trial-'))
  try {
    const all = plugins.flatMap(toTrials)
    const trials = distinct(all)
    const input = join(folder, 'sample.avi')
    await writeFile(input, toSampleVideo())
    const results = await Promise.allSettled([
      tryProbe(programs, input),
      tryAll({ programs, trials, input, folder, log }),
    ])
    const failures = results.flatMap((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    const findFailure = (one: FfmpegTrial) => failures.find(({ trial }) => trial && toKey(trial) === toKey(one))
    const explain = (one: FfmpegTrial) => toReason(findFailure(one)?.error)
    for (const { trial } of all) trial.onEnd?.(explain(trial))
    const fatal = failures.filter(({ trial }) => trial?.onEnd === undefined)
    if (fatal.length > 0) throw toError(fatal, programs)
    return {
      passed: trials.filter(({ trial }) => !findFailure(trial)).map(({ trial }) => trial.name),
      hardware: trials.flatMap(({ trial }) => {
        const encoder = findHardwareEncoder(trial.output?.options ?? [])
        return encoder === undefined ? [] : [{ encoder, failure: explain(trial) }]
      }),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Lists the encoders and filters that the trials use which have to pass. After a passed trial they are known to exist. */
export function findTested(plugins: readonly Plugin[]): { encoders: Set<string>; filters: Set<string> } {
  const needed = plugins.flatMap(toTrials).filter(({ trial }) => trial.onEnd === undefined)
  const lists = needed.flatMap(({ trial }) => [trial.output?.options ?? [], trial.alsoDecode ?? []])
  const pairs = lists.flatMap((options) => options.slice(1).map((value, at) => ({ name: options[at] ?? '', value })))
  const valuesOf = (pattern: RegExp) => pairs.filter(({ name }) => pattern.test(name)).map(({ value }) => value)
  const chains = valuesOf(/^-(?:[va]f|filter)(?::|$)/)
  return {
    encoders: new Set(valuesOf(/^-(?:c|codec|[vas]codec)(?::|$)/)),
    filters: new Set(chains.flatMap((chain) => Array.from(chain.matchAll(/(?<=^|[,;\]])\w+/g), ([name]) => name))),
  }
}

/** Whether a trial of these plugins uses a hardware encoder. */
export function usesHardware(plugins: readonly Plugin[]): boolean {
  return plugins.flatMap(toTrials).some(({ trial }) => findHardwareEncoder(trial.output?.options ?? []) !== undefined)
}

/** A trial and the name of its plugin. */
type PluginTrial = { readonly plugin: string; readonly trial: FfmpegTrial }

/** A failed trial; that of ffprobe is not a plugin's. */
type Failure = { readonly name: string; readonly error: MediadError; readonly trial?: FfmpegTrial }

function toTrials({ name: plugin, hooks }: Plugin): PluginTrial[] {
  return (hooks.trials?.(sampleProbe) ?? []).map((trial) => ({ plugin, trial }))
}

/** Removes duplicates: plugins with the same options need one trial. It is optional only if it is for all of them. */
function distinct(trials: readonly PluginTrial[]): PluginTrial[] {
  const required = trials.filter(({ trial }) => trial.onEnd === undefined)
  const optional = trials.filter(({ trial }) => trial.onEnd !== undefined)
  return [...new Map([...optional, ...required].map((one) => [toKey(one.trial), one])).values()]
}

/** Identifies what a trial runs. */
const toKey = (trial: FfmpegTrial): string => JSON.stringify(trial) // without `onEnd`, which is a function

async function tryProbe(programs: Programs, input: string): Promise<Failure[]> {
  try {
    await createInspect({ programs, limits })(input)
    return []
  } catch (error) {
    return [toFailure({ name: 'ffprobe' }, error)]
  }
}

type Trials = Omit<Runner, 'run'> & { programs: Programs; trials: readonly PluginTrial[] }

async function tryAll({ programs, trials, input, folder, log }: Trials): Promise<Failure[]> {
  if (trials.length === 0) return []
  const { run } = createFfmpeg({ programs, stallSeconds: STALL_SECONDS, limits })
  const attempt = (batch: readonly FfmpegTrial[]) => runTogether({ run, input, folder, log }, batch)
  const tryAlone = async ({ trial, plugin }: PluginTrial): Promise<Failure[]> => {
    try {
      await attempt([trial])
      return []
    } catch (error) {
      return [toFailure({ name: `${trial.name} (for ${plugin})`, trial }, error)]
    }
  }
  const failures: Failure[] = []
  const usual = trials.filter(({ trial }) => !runsApart(trial))
  if (!(await tryUsual(attempt, usual, log))) for (const one of usual) failures.push(...(await tryAlone(one)))
  for (const one of trials) if (runsApart(one.trial)) failures.push(...(await tryAlone(one)))
  return failures
}

/** Whether a trial can fail without the others, or has other limits of memory than they. */
const runsApart = ({ onEnd, output }: FfmpegTrial): boolean =>
  onEnd !== undefined || findHardwareEncoder(output?.options ?? []) !== undefined

type Attempt = (batch: readonly FfmpegTrial[]) => Promise<void>

/** Runs trials in as few runs as possible. Returns false if one failed. */
async function tryUsual(attempt: Attempt, trials: readonly PluginTrial[], log: DaemonLog): Promise<boolean> {
  // a run accepts one `alsoDecode`
  const [together, alone] = divide(trials.map(({ trial }) => trial))
  try {
    if (together.length > 0) await attempt(together)
    for (const trial of alone) await attempt([trial])
    return true
  } catch (error) {
    log.debug({ event: 'trial.failed', error }, 'trial run of ffmpeg failed: each trial runs alone to find the cause')
    return false
  }
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

/**
 * Rethrows errors of the machine (out of memory or disk space), which do not depend on the ffmpeg, unless the trial is optional:
 * a GPU can also hang.
 */
function toFailure(failed: Pick<Failure, 'name' | 'trial'>, thrown: unknown): Failure {
  const error = toMediadError(thrown, 'internal.ffmpeg')
  const isOfMachine = /^(?:resource|transient)\./.test(error.code) && error.code !== 'resource.hardware'
  if (isOfMachine && failed.trial?.onEnd === undefined) throw error
  return { ...failed, error }
}

/** Returns the reason of a failure in few words; null if there is none. */
function toReason(error: MediadError | undefined): string | null {
  if (error === undefined) return null
  const [withoutAdvice = error.message] = error.message.split(': ')
  return findHardwareFailure(error.stderr) ?? (error.code === 'config.ffmpeg' ? withoutAdvice : error.message)
}

const advice = {
  ffmpeg: 'Install an ffmpeg that supports this, or choose other options in the config',
  hardware: "Install the driver of the GPU, give mediad access to its devices, or set hardware: 'auto' in the config",
} as const

function toError(failures: readonly Failure[], { version, probeVersion }: Programs): MediadError {
  const list = failures.map(({ name, error: { code, message, stderr } }) => {
    // the first error line explains more than the exit code
    const firstError = stderr.find((line) => /\[(?:error|fatal)\]/.test(line)) ?? message
    return `${name}: ${(code === 'internal.ffmpeg' ? firstError : message).replace(/\.$/, '')}`
  })
  const tested = version === probeVersion ? `ffmpeg ${version}` : `ffmpeg ${version} with ffprobe ${probeVersion}`
  const isHardware = failures.every(({ error }) => error.code === 'resource.hardware')
  return new MediadError(
    'config.ffmpeg',
    `${tested} failed a trial run of ${list.join('; ')}. ${isHardware ? advice.hardware : advice.ffmpeg}`,
    { stderr: failures.flatMap(({ error }) => error.stderr) },
  )
}
