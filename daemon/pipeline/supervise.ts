import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { roundSeconds } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'
import type { Warning } from '../vocabulary/job.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** Limits of every plugin run. */
export type PluginLimits = {
  /** Longest time of one run: `config.limits.pluginSeconds`. A plugin can declare its own. */
  pluginSeconds: number
  /** Time that a plugin has to react to its signal. After that, its slot (and a stopping daemon) continues without it. */
  graceSeconds?: number
  /** Time without a turn of the event loop that is reported. */
  blockedSeconds?: number
}

/** The run of one plugin in one attempt. */
export type SupervisedRun = {
  plugin: string
  /** The plugin's own limit; default {@link PluginLimits.pluginSeconds}. */
  maxSeconds: number | undefined
  /** Aborts when the job ends for a reason outside of the plugin. */
  signal: AbortSignal
  run(signal: AbortSignal): void | Promise<void>
  log: DaemonLog
  onWarning(warning: Warning): void
}

const GRACE_SECONDS = 5
const BLOCKED_SECONDS = 5

/**
 * Runs a plugin with a signal of its own, which aborts with the job's and when the time of the plugin is used up. Reports
 * a plugin that ignores the signal, and one that blocks the event loop, in the log and as a warning of the job.
 *
 * @throws the reason of the signal when it has aborted: the job's only if the plugin threw, or did not react in time; and
 * `internal.plugin_timeout` also if the plugin returned. Any other error of the plugin is thrown as it is.
 */
export async function supervise(supervised: SupervisedRun, limits: PluginLimits): Promise<void> {
  const { plugin, signal, run, maxSeconds } = supervised
  const { pluginSeconds, graceSeconds = GRACE_SECONDS, blockedSeconds = BLOCKED_SECONDS } = limits
  const seconds = maxSeconds ?? pluginSeconds
  const timeout = new AbortController()
  const timer = setTimeout(
    () => timeout.abort(toTimeoutError(plugin, seconds, maxSeconds === undefined)),
    seconds * 1000,
  )
  const all = AbortSignal.any([signal, timeout.signal])
  const watch = watchLoop(supervised, blockedSeconds)
  try {
    await waitOrAbort(start(run, all), all, graceSeconds)
    await delay(0) // timers that are due run first: they abort the signal, and report a blocked event loop
    timeout.signal.throwIfAborted()
  } catch (error) {
    if (error === UNRESPONSIVE) reportUnresponsive(supervised, graceSeconds)
    await delay(0)
    throw all.aborted ? all.reason : error
  } finally {
    clearTimeout(timer)
    watch.stop()
  }
}

/** Calls `run`, so that what it throws synchronously is a rejection. */
const start = async (run: SupervisedRun['run'], signal: AbortSignal): Promise<void> => run(signal)

const UNRESPONSIVE = Symbol('the plugin does not react to its signal')

/** @throws UNRESPONSIVE when `running` is not settled `graceSeconds` after the abort */
async function waitOrAbort(running: Promise<void>, signal: AbortSignal, graceSeconds: number): Promise<void> {
  const finished = new AbortController()
  const abortTimeout = (async () => {
    if (!signal.aborted) await once(signal, 'abort', { signal: finished.signal })
    await delay(graceSeconds * 1000, undefined, { signal: finished.signal })
    throw UNRESPONSIVE
  })()
  try {
    await Promise.race([running, abortTimeout])
  } finally {
    finished.abort()
    abortTimeout.catch(() => undefined) // the plugin finished first
  }
}

function reportUnresponsive({ plugin, log, onWarning }: SupervisedRun, seconds: number): void {
  const message = `ignored its abort signal: it was still running ${seconds} s later, and the daemon continued without it`
  log.error({ event: 'plugin.unresponsive', plugin, seconds }, `plugin ${plugin} ${message}`)
  onWarning({ plugin, message })
}

/** Measures how long the event loop does not turn while a plugin runs. Several jobs share the loop. */
function watchLoop({ plugin, log, onWarning }: SupervisedRun, limitSeconds: number): { stop(): void } {
  const intervalSeconds = limitSeconds / 5
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    const seconds = roundSeconds((now - last) / 1000 - intervalSeconds)
    last = now
    if (seconds < limitSeconds) return
    const message = `the event loop was blocked for ${seconds.toFixed(1)} s while it ran`
    log.warn({ event: 'plugin.blocked', plugin, seconds }, `plugin ${plugin}: ${message}`)
    onWarning({ plugin, message: `${message}: use asynchronous calls` })
  }, intervalSeconds * 1000)
  return { stop: () => clearInterval(timer) }
}

function toTimeoutError(plugin: string, seconds: number, isDefault: boolean): MediadError {
  const limit = isDefault ? 'limits.pluginSeconds' : 'its own limit'
  return new MediadError('internal.plugin_timeout', `plugin ${plugin} did not return within ${seconds} s (${limit})`)
}
