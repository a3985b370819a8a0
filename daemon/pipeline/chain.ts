import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toFrames } from '../log/error-fields.ts'
import type { Output, PluginTiming } from '../vocabulary/job.ts'
import type { Artifact, Plugin } from '../vocabulary/plugin.ts'
import { noTracing } from '../vocabulary/tracing/tracing.ts'
import { createContext, type ChainDeps, type ChainJob, type Turn } from './context.ts'
import { inspectOnce } from './inspect-once.ts'
import { supervise } from './supervise.ts'
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
    const timings: PluginTiming[] = []
    const made: Made = { artifacts: [], outputs: [], makers: new Map(), elsewhere: new Set() }
    const chainDeps = { ...deps, inspect: inspectOnce(deps.inspect) }
    const percent = createPercent(plugins)
    for (const [index, plugin] of plugins.entries()) {
      job.signal.throwIfAborted()
      const timer = startTimer(plugin.name)
      const toPercent = (fraction: number) => percent(index, fraction)
      try {
        await runPlugin(chainDeps, { plugin, job, ...made, timer, toPercent })
        assertContinues(job.signal, { isLast: index === plugins.length - 1 })
        recordResults(plugin, made)
      } catch (error) {
        logStack(job, plugin, error)
        throw new PluginFailure(plugin.name, error, [...timings, timer.stop()])
      }
      timings.push(timer.stop())
    }
    assertPublished(made, timings)
    return { outputs: made.outputs, timings }
  }
}

async function runPlugin(deps: ChainDeps, turn: Omit<Turn, 'signal'>): Promise<void> {
  const { plugin, job } = turn
  const { signal, log, onWarning } = job
  const { tracing = noTracing } = deps
  const { name, hooks } = plugin
  const run = (pluginSignal: AbortSignal) => hooks.run(createContext(deps, { ...turn, signal: pluginSignal }))
  await tracing.span({ name: `plugin ${name}`, attributes: { 'mediad.plugin': name } }, () =>
    supervise({ plugin: name, maxSeconds: hooks.maxSeconds, signal, run, log, onWarning }, deps.plugin),
  )
}

/** The lines of the job have no stack if the error has a code of its own, which explains itself to an operator. */
function logStack({ log, signal }: ChainJob, { name }: Plugin, error: unknown): void {
  if (signal.aborted || !(error instanceof Error)) return
  log.debug({ event: 'plugin.failed', plugin: name, stack: toFrames(error) }, `plugin ${name} failed: ${error.message}`)
}

/** After the last plugin, the job can still succeed while the daemon stops, but not without the lease. */
function assertContinues({ aborted, reason }: AbortSignal, { isLast }: { isLast: boolean }): void {
  if (aborted && !(isLast && toMediadError(reason, 'internal.plugin').verdict !== 'abandon')) throw reason
}

/** What the plugins of one attempt have made so far. */
type Made = Pick<Turn, 'artifacts' | 'outputs'> & {
  /** Name of the plugin that added each artifact. */
  readonly makers: Map<Artifact, string>
  /** Artifacts that a plugin delivered by its own means. */
  readonly elsewhere: Set<Artifact>
}

function recordResults({ name, hooks }: Plugin, { artifacts, makers, elsewhere }: Made): void {
  for (const artifact of artifacts) {
    if (!makers.has(artifact)) makers.set(artifact, name)
    if (hooks.publishes === 'elsewhere') elsewhere.add(artifact)
  }
}

/** @throws {@link PluginFailure} with `output.unpublished`, of the first plugin whose artifact would be lost */
function assertPublished({ artifacts, outputs, makers, elsewhere }: Made, timings: readonly PluginTiming[]): void {
  const published = new Set(outputs.map(({ key }) => key))
  const lost = artifacts.find((artifact) => !published.has(artifact.key) && !elsewhere.has(artifact))
  if (lost === undefined) return
  const message = `no plugin uploaded the ${lost.kind} "${lost.key}": put upload() at the end of the chain`
  throw new PluginFailure(makers.get(lost) ?? '', new MediadError('output.unpublished', message), timings)
}

/** Returns a function that converts the fraction of a plugin to the percentage of the chain, which never decreases. */
function createPercent(plugins: readonly Plugin[]): (index: number, fraction: number) => number {
  const weights = plugins.map(({ hooks }) => hooks.weight ?? 1)
  const total = sum(weights)
  let highest = 0
  return (index, fraction) => {
    const done = sum(weights.slice(0, index)) + (weights[index] ?? 0) * fraction
    return (highest = Math.max(highest, Math.round((done / total) * 100)))
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
