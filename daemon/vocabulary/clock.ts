import { setTimeout as delay } from 'node:timers/promises'

/** Time as the protocol needs it; tests put a clock of their own in its place. */
export type Clock = {
  /** Milliseconds of a clock that never jumps; only differences mean anything. */
  now(): number
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

/** Rounds seconds to milliseconds, for people and logs. */
export function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}

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
