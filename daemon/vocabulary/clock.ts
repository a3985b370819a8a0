import { setTimeout as delay } from 'node:timers/promises'

/** The clock of the protocol. Tests replace it. */
export type Clock = {
  /** Returns milliseconds of a monotonic clock; only differences are meaningful. */
  now(): number
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

/** Rounds seconds to three decimals, for logs and people. */
export function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}

/** The monotonic clock and the timers of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wait: async (ms, signal) => {
    if (signal?.aborted) return
    try {
      await delay(ms, undefined, signal && { signal })
    } catch (error) {
      if (!signal?.aborted) throw error
    }
  },
}
