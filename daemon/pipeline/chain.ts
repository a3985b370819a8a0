import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { toMediadError, toMessage } from '../vocabulary/errors.ts'
import type { Output, PluginTiming } from '../vocabulary/job.ts'
import type { Artifact, Plugin } from '../vocabulary/plugin.ts'
import { createContext, type ChainDeps, type ChainJob } from './context.ts'
import { inspectOnce } from './inspect-once.ts'
import { startTimer } from './timer.ts'

export type ChainResult = { readonly outputs: readonly Output[]; readonly timings: readonly PluginTiming[] }

/** Runs a chain, an ordered list of plugins that are already set up, for one attempt. @throws {@link PluginFailure} */
export type RunChain = (plugins: readonly Plugin[], job: ChainJob) => Promise<ChainResult>

/** The failure of a plugin, with the timings up to and including that plugin. The cause is a MediadError. */
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

export function createRunChain(deps: ChainDeps): RunChain {
  return async (plugins, job) => {
    const artifacts: Artifact[] = []
    const outputs: Output[] = []
    const timings: PluginTiming[] = []
    const chainDeps = { ...deps, inspect: inspectOnce(deps.inspect) }
    for (const plugin of plugins) {
      job.signal.throwIfAborted()
      const timer = startTimer(plugin.name)
      const context = createContext(chainDeps, { plugin, job, artifacts, outputs, timer })
      try {
        await waitOrAbort(plugin.hooks.run(context), job.signal)
      } catch (error) {
        throw new PluginFailure(plugin.name, error, [...timings, timer.stop()])
      }
      timings.push(timer.stop())
    }
    return { outputs, timings }
  }
}

/** Time a plugin has to react to the signal. After that, its slot (and a stopping daemon) continues without it. */
const ABORT_GRACE_MS = 5_000

async function waitOrAbort(running: void | Promise<void>, signal: AbortSignal): Promise<void> {
  const finished = new AbortController()
  const abortTimeout = (async () => {
    if (!signal.aborted) await once(signal, 'abort', { signal: finished.signal })
    await delay(ABORT_GRACE_MS, undefined, { signal: finished.signal })
    throw signal.reason
  })()
  try {
    await Promise.race([running, abortTimeout])
  } finally {
    finished.abort()
    abortTimeout.catch(() => undefined) // the plugin finished first
  }
}
