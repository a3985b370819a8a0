import type { CpuMeter } from '../../machine/cpu-meter.ts'
import { readChildMemory } from '../../machine/process-tree.ts'
import { readSystemText } from '../../machine/text.ts'
import { createPipeline } from '../../composition/pipeline.ts'
import { noTracing } from '../../vocabulary/tracing/tracing.ts'
import { toOutput } from '../../pipeline/publish.ts'
import type { Route } from '../../protocol/route.ts'
import type { Plugin } from '../../vocabulary/plugin.ts'
import { runLocalChain, type LocalChain } from '../local-chain.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import type { Setting } from './grid.ts'
import type { Measured } from './recommend.ts'

export type MeasureDeps = LocalChain & {
  meter: CpuMeter
  /** Number of clips that each slot processes. */
  rounds: number
  /** Path of the clip. */
  path: string
  signal: AbortSignal
  log: Terminal['log']
}

/** {@link Measured}, and the CPU use of other programs meanwhile. */
export type Measurement = Measured & { readonly othersUse: number | null }

const MEMORY_MS = 250

/** Runs the chain at a setting: every slot processes the clip some times. Uploads store nothing. */
export async function measure(
  deps: MeasureDeps,
  setting: Setting,
  onProgress: (fraction: number) => void,
): Promise<Measurement> {
  const { config, programs, log, meter, rounds } = deps
  const route: Route = { ...config.routes[0], plugins: withThreads(config.routes[0].plugins, setting.threads) }
  const pipeline = createPipeline({ config: { ...config, routes: [route] }, programs, log, tracing: noTracing })
  const plugins = await pipeline.openPlugins()
  try {
    const done = Array.from({ length: setting.concurrency }, () => 0)
    await meter.measure()
    const memory = watchMemory()
    const work = async (slot: number) => {
      for (let round = 0; round < rounds; round++)
        await runLocalChain({
          ...deps,
          pipeline,
          plugins: route.plugins,
          onProgress({ percent }) {
            done[slot] = round + percent / 100
            onProgress(done.reduce((sum, one) => sum + one, 0) / setting.concurrency / rounds)
          },
          upload: async (artifact) => toOutput(artifact, 'none'),
        })
    }
    const slots = await Promise.allSettled(done.map((_, slot) => work(slot)))
    const memoryBytes = await memory.stop()
    const failed = slots.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
    const { seconds, use, own } = await meter.measure()
    return {
      ...setting,
      clipsPerHour: (setting.concurrency * rounds * 3600) / seconds,
      cpuUse: own,
      memoryBytes,
      secondsPerClip: seconds / rounds,
      othersUse: own === null ? null : use - own,
    }
  } finally {
    await plugins.release()
  }
}

/** Whether a plugin has an option for the threads of its encoder. */
export const hasThreads = (plugin: Plugin): boolean => plugin.withOptions?.({ threads: 1 }).problems.length === 0

function withThreads(plugins: readonly Plugin[], threads: number | null): readonly Plugin[] {
  return plugins.map((plugin) =>
    hasThreads(plugin) ? (plugin.withOptions?.({ threads: threads ?? undefined }) ?? plugin) : plugin,
  )
}

/** Samples the memory of all children until it is stopped, and returns the most that they had. */
function watchMemory(): { stop(): Promise<number | null> } {
  let most: number | null = null
  let reading = Promise.resolve()
  const read = async () => {
    const bytes = await readChildMemory(readSystemText, process.pid)
    if (bytes !== null) most = Math.max(most ?? 0, bytes)
  }
  const timer = setInterval(() => (reading = read()), MEMORY_MS)
  return {
    async stop() {
      clearInterval(timer)
      await reading
      return most
    },
  }
}
