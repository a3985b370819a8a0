import semaphore from 'semaphore'

/** One unit of concurrency, held by whoever took it until he releases it. */
export type Permit = {
  /** Marks the slot as used, for the gauge: it has something to work on. */
  use(): void
  /** Gives the slot back; only the first call counts. */
  release(): void
}

/** How many slots work on something right now; `used` + `free` = `capacity`. A slot held for a long poll is free. */
export type SlotsGauge = { readonly used: number; readonly free: number; readonly capacity: number }

export type Slots = {
  /** Takes free slots, at most `max`; never waits. */
  take(max: number): Permit[]
  gauge(): SlotsGauge
  /** Resolves once every slot is free. */
  whenIdle(): Promise<void>
}

/**
 * A semaphore of one-shot permits. The wrapped package throws for good once `leave` is called too often, and loses count
 * when it is called twice for one `take`: so nobody but this file calls it.
 */
export function createSlots(capacity: number): Slots {
  const inner = semaphore(capacity)
  let used = 0

  function takeOne(): Permit {
    let held = true
    let inUse = false
    inner.take(() => undefined) // at once: `available` was asked in the same turn
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
