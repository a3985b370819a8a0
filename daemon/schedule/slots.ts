import semaphore from 'semaphore'

/** One unit of concurrency, held from `take` until `release`. */
export type Permit = {
  /** Marks the slot as used, for the gauge: it has a message. */
  use(): void
  /** Releases the slot. Further calls have no effect. */
  release(): void
}

/** Number of slots in use at present; `used` + `free` = `capacity`. A slot held for a long poll counts as free. */
export type SlotsGauge = { readonly used: number; readonly free: number; readonly capacity: number }

export type Slots = {
  /** Takes up to `max` free slots without waiting. */
  take(max: number): Permit[]
  gauge(): SlotsGauge
  /** Resolves once every slot is free. */
  whenIdle(): Promise<void>
}

/**
 * Creates a semaphore of one-shot permits. The `semaphore` package miscounts when `leave` is called twice for one `take`,
 * and throws on every later call when `leave` is called too often, so only this file uses it.
 */
export function createSlots(capacity: number): Slots {
  const inner = semaphore(capacity)
  let used = 0

  function takeOne(): Permit {
    let held = true
    let inUse = false
    inner.take(() => undefined) // succeeds immediately: `available` was checked in the same turn
    return {
      use() {
        if (!held || inUse) return
        inUse = true
        used++
      },
      release() {
        if (!held) return
        held = false
        if (inUse) used--
        inner.leave()
      },
    }
  }

  return {
    take(max) {
      const permits: Permit[] = []
      while (permits.length < max && inner.available(1)) permits.push(takeOne())
      return permits
    },
    gauge: () => ({ used, free: capacity - used, capacity }),
    whenIdle: () =>
      new Promise((resolve) => {
        inner.take(capacity, () => {
          inner.leave(capacity)
          resolve()
        })
      }),
  }
}
