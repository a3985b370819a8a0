import { roundSeconds } from '../vocabulary/clock.ts'
import type { PluginTiming } from '../vocabulary/job.ts'

/** Measures one plugin run. */
export type PluginTimer = {
  addCpu(seconds: number): void
  /** Records why the plugin does not apply to the source. */
  skip(reason: string): void
  /** Records a decision. Those beyond {@link MAX_NOTES} are left out. */
  note(message: string): void
  stop(): PluginTiming
}

/** Largest number of notes of one plugin that are stored. */
const MAX_NOTES = 10

export function startTimer(plugin: string): PluginTimer {
  const startedAt = performance.now()
  let cpuSeconds = 0
  let skipped: string | undefined
  const notes: string[] = []
  return {
    addCpu: (seconds) => void (cpuSeconds += seconds),
    skip: (reason) => void (skipped = reason),
    note(message) {
      if (notes.length < MAX_NOTES) notes.push(message)
    },
    stop() {
      const seconds = roundSeconds((performance.now() - startedAt) / 1000)
      const optional = { ...(skipped !== undefined && { skipped }), ...(notes.length > 0 && { notes }) }
      return { plugin, seconds, cpuSeconds: roundSeconds(cpuSeconds), ...optional }
    },
  }
}
