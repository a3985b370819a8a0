import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { withReleasers, type Releasers } from '../vocabulary/releasers.ts'
import type { JobDocument, Output, PluginTiming, Warning } from '../vocabulary/job.ts'
import { assertRoomForOutput, toBoundedNote } from '../protocol/bounds.ts'
import type { KeyScope } from '../protocol/keys.ts'
import { toArtifact } from './artifact.ts'
import type { Probe } from '../vocabulary/media.ts'
import type { Artifact, Plugin, RunContext, UploadOptions } from '../vocabulary/plugin.ts'
import type { FfmpegCommand, FfmpegResult } from '../vocabulary/ffmpeg.ts'
import type { Log } from '../vocabulary/log.ts'

/** What the chain needs of the world; ffmpeg and ffprobe run hardened. */
export type ChainParts = {
  plugins: readonly Plugin[]
  ffmpeg(run: {
    command: FfmpegCommand
    input: string
    workspace: string
    signal: AbortSignal
    log: Log
    onCpu: (seconds: number) => void
  }): Promise<FfmpegResult>
  inspect(path: string, signal: AbortSignal): Promise<Probe>
  /** `config.limits.durationSeconds`: of files that plugins make, as players will see them. */
  maxSeconds: number
  log: Log
}

/** One attempt at one job, as the plugins see it. */
export type ChainJob = {
  document: Pick<JobDocument, 'id' | 'attempt' | 'claim' | 'source'>
  scope: KeyScope
  workspace: string
  input: string
  probe: Probe
  signal: AbortSignal
  log: Log
  onProgress(progress: JobDocument['progress']): void
  onWarning(warning: Warning): void
  upload(artifact: Artifact, options: UploadOptions): Promise<Output>
}

export type ChainResult = { readonly outputs: readonly Output[]; readonly timings: readonly PluginTiming[] }

export type Chain = {
  /** Sets every plugin up, in order; on failure those that worked are torn down again. */
  setup(): Promise<void>
  /** Runs the plugins in order. @throws {@link PluginFailure} */
  run(job: ChainJob): Promise<ChainResult>
  /** In reverse order, only what was set up. */
  teardown(): Promise<void>
}

/** What a plugin threw, which one, and how long it and those before it worked; the cause is a MediadError. */
export class PluginFailure extends Error {
  override readonly name = 'PluginFailure'
  readonly plugin: string
  readonly timings: readonly PluginTiming[]

  constructor(plugin: string, cause: unknown, timings: readonly PluginTiming[]) {
    super(`${plugin}: ${toMessage(cause)}`, { cause: toMediadError(cause, 'internal.plugin') })
    this.plugin = plugin
    this.timings = timings
  }
}

export function createChain(parts: ChainParts): Chain {
  let releasers: Releasers | null = null
  return {
    async setup() {
      releasers = await withReleasers(async (push) => {
        for (const { name, hooks } of parts.plugins) {
          await hooks.setup?.({ log: parts.log.child({ plugin: name }) })
          push(`plugin ${name}`, async () => hooks.teardown?.())
        }
      })
    },
    async run(job) {
      const artifacts: Artifact[] = []
      const outputs: Output[] = []
      const timings: PluginTiming[] = []
      for (const plugin of parts.plugins) {
        job.signal.throwIfAborted()
        const account = openAccount(plugin.name)
        const context = createContext(parts, { job, plugin, artifacts, outputs, account })
        try {
          await orAborted(plugin.hooks.run(context), job.signal)
        } catch (error) {
          throw new PluginFailure(plugin.name, error, [...timings, account.close()])
        }
        timings.push(account.close())
      }
      return { outputs, timings }
    },
    async teardown() {
      await releasers?.release()
    },
  }
}

/** What one plugin's run has taken so far. */
type Account = { addCpu(seconds: number): void; skip(reason: string): void; close(): PluginTiming }

function openAccount(plugin: string): Account {
  const startedAt = performance.now()
  let cpuSeconds = 0
  let skipped: string | undefined
  return {
    addCpu: (seconds) => void (cpuSeconds += seconds),
    skip: (reason) => void (skipped = reason),
    close() {
      const seconds = (performance.now() - startedAt) / 1000
      return { plugin, seconds, cpuSeconds, ...(skipped !== undefined && { skipped }) }
    },
  }
}

type Run = { job: ChainJob; plugin: Plugin; artifacts: Artifact[]; outputs: Output[]; account: Account }

function createContext(parts: ChainParts, { job, plugin, artifacts, outputs, account }: Run): RunContext {
  const { document, workspace, signal, input } = job
  const log = job.log.child({ plugin: plugin.name })
  const inspect = (path: string) => inspectOutput(parts, path, signal)
  const progress = (fraction: number) =>
    job.onProgress({ plugin: plugin.name, percent: Math.round(Math.min(1, Math.max(0, fraction || 0)) * 100) })
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
    warn: (message) => job.onWarning({ plugin: plugin.name, message }),
    skip(reason) {
      log.debug(`skipped: ${reason}`)
      account.skip(toBoundedNote(reason))
    },
    ffmpeg: (command) => parts.ffmpeg({ command, input, workspace, signal, log, onCpu: account.addCpu }),
    async add(path, kind, options) {
      const seconds = (performance.now() - lapStarted) / 1000
      const artifact = await toArtifact({ path, kind, options, workspace, scope: job.scope, inspect, seconds })
      lapStarted = performance.now()
      assertRoomForOutput(artifacts.length)
      artifacts.push(artifact)
      return artifact
    },
    storage: {
      async upload(artifact, options = {}) {
        assertRoomForOutput(outputs.length)
        const output = await job.upload(artifact, options)
        outputs.push(output)
        return output
      },
    },
  }
}

/** What is wrong with a file a plugin made is not the source's fault: no `input.*`, which would bury the job. */
async function inspectOutput({ inspect, maxSeconds }: ChainParts, path: string, signal: AbortSignal): Promise<Probe> {
  try {
    const probe = await inspect(path, signal)
    refuseLength(probe, maxSeconds)
    return probe
  } catch (error) {
    if (!(error instanceof MediadError && error.code.startsWith('input.'))) throw error
    throw new MediadError('internal.output', `a plugin made a file that cannot be read: ${error.message}`, {
      cause: error,
    })
  }
}

/** ffmpeg sees to it while it writes pictures and sound; a length can be more than they are. */
function refuseLength({ durationSeconds }: Probe, maxSeconds: number): void {
  if ((durationSeconds ?? 0) <= maxSeconds + LENGTH_SLACK_SECONDS) return
  const message = `a plugin made a file of ${durationSeconds?.toFixed(0)} s, limits.durationSeconds allows ${maxSeconds}`
  throw new MediadError('resource.limit', message)
}

/** The end of sound and picture is not known to the second before both are written. */
const LENGTH_SLACK_SECONDS = 2

/** How long a plugin may take to obey the signal; after that its slot, and the daemon that stops, go on without it. */
const OBEY_MS = 5_000

async function orAborted(running: void | Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  const ignored = (async () => {
    if (!signal.aborted) await once(signal, 'abort', { signal: over.signal })
    await delay(OBEY_MS, undefined, { signal: over.signal })
    throw signal.reason
  })()
  try {
    await Promise.race([running, ignored])
  } finally {
    over.abort()
    ignored.catch(() => undefined) // it lost the race
  }
}
