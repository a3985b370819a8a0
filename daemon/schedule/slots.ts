import semaphore from 'semaphore'

/** One unit of concurrency, held by whoever took it until he releases it. */
export type Permit = {
  /** Gives the slot back; only the first call counts. */
  release(): void
}

export type Slots = {
  /** Takes free slots, at most `max`; never waits. */
  take(max: number): Permit[]
  /** Resolves once every slot is free. */
  whenIdle(): Promise<void>
}

/**
 * A semaphore of one-shot permits. The wrapped package throws for good once `leave` is called too often, and loses count
 * when it is called twice for one `take`: so nobody but this file calls it.
 */
export function createSlots(capacity: number): Slots {
  const inner = semaphore(capacity)

  function takeOne(): Permit {
    let held = true
    inner.take(() => undefined) // at once: `available` was asked in the same turn
    return {
      release() {
        if (!held) return
        held = false
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
    whenIdle: () =>
      new Promise((resolve) => {
        inner.take(capacity, () => {
          inner.leave(capacity)
          resolve()
        })
      }),
  }
}
