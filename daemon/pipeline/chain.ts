import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { toMediadError, toMessage } from '../vocabulary/errors.ts'
import type { Output, PluginTiming } from '../vocabulary/job.ts'
import type { Artifact, Plugin } from '../vocabulary/plugin.ts'
import { createContext, type ChainDeps, type ChainJob } from './context.ts'
import { startTimer } from './timer.ts'

export type ChainResult = { readonly outputs: readonly Output[]; readonly timings: readonly PluginTiming[] }

/** Runs a chain, which is an ordered list of plugins that are set up, for one attempt. @throws {@link PluginFailure} */
export type RunChain = (plugins: readonly Plugin[], job: ChainJob) => Promise<ChainResult>

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

export function createRunChain(deps: ChainDeps): RunChain {
  return async (plugins, job) => {
    const artifacts: Artifact[] = []
    const outputs: Output[] = []
    const timings: PluginTiming[] = []
    for (const plugin of plugins) {
      job.signal.throwIfAborted()
      const timer = startTimer(plugin.name)
      const context = createContext(deps, { plugin: plugin.name, job, artifacts, outputs, timer })
      try {
        await orAborted(plugin.hooks.run(context), job.signal)
      } catch (error) {
        throw new PluginFailure(plugin.name, error, [...timings, timer.stop()])
      }
      timings.push(timer.stop())
    }
    return { outputs, timings }
  }
}

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
