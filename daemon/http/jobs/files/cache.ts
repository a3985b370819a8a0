import type { Clock } from '../../../vocabulary/clock.ts'

/** Keeps results for a time. What is being read is shared too; a failure is not kept. */
export type TimedCache<T> = (key: string, read: () => Promise<T>) => Promise<T>

export type TimedCacheOptions = {
  /** Number of results; beyond it, the oldest is removed. */
  max: number
  /** Time from the start of the read. */
  ms: number
  clock: Clock
}

export function createTimedCache<T>({ max, ms, clock }: TimedCacheOptions): TimedCache<T> {
  const kept = new Map<string, { result: Promise<T>; until: number }>()
  return async (key, read) => {
    const known = kept.get(key)
    if (known !== undefined && clock.now() < known.until) return await known.result
    const entry = { result: read(), until: clock.now() + ms }
    kept.delete(key)
    kept.set(key, entry)
    const [oldest] = kept.keys()
    if (kept.size > max && oldest !== undefined) kept.delete(oldest)
    try {
      return await entry.result
    } catch (error) {
      if (kept.get(key) === entry) kept.delete(key)
      throw error
    }
  }
}
