import { roundSeconds } from '../vocabulary/clock.ts'
import type { PluginTiming } from '../vocabulary/job.ts'

/** Measures one plugin run. */
export type PluginTimer = {
  addCpu(seconds: number): void
  /** Records why the plugin does not apply to the source. */
  skip(reason: string): void
  stop(): PluginTiming
}

export function startTimer(plugin: string): PluginTimer {
  const startedAt = performance.now()
  let cpuSeconds = 0
  let skipped: string | undefined
  return {
    addCpu: (seconds) => void (cpuSeconds += seconds),
    skip: (reason) => void (skipped = reason),
    stop() {
      const seconds = roundSeconds((performance.now() - startedAt) / 1000)
      return { plugin, seconds, cpuSeconds: roundSeconds(cpuSeconds), ...(skipped !== undefined && { skipped }) }
    },
  }
}
