import semaphore from 'semaphore'

/** One unit of concurrency, held from `take` until `release`. */
export type Permit = {
  /** Marks the slot as used, for the gauge: it has a message. */
  use(): void
  /** Releases the slot. Further calls have no effect. */
  release(): void
}

/**
 * Number of slots in use at present; `used` + `free` = `capacity`. A slot held for a long poll counts as free. With adaptive
 * concurrency, `capacity` changes: it is the level, or `used` while more jobs run. It is never more than `max`.
 */
export type SlotsGauge = {
  readonly used: number
  readonly free: number
  readonly capacity: number
  readonly max: number
}

/** Decides how many slots can be held at present. */
export type SlotsLevel = {
  /** At least 1. */
  level(): number
  /** Called when a slot gets a message; the result is called when it is released. */
  begin(): () => void
}

export type Slots = {
  /** Takes up to `max` free slots without waiting. */
  take(max: number): Permit[]
  gauge(): SlotsGauge
  /** Resolves once every slot is free. */
  whenIdle(): Promise<void>
}

/**
 * Creates a semaphore of one-shot permits. With a level, `take` holds no more slots than it; slots that are held when the level
 * falls stay held.
 *
 * The `semaphore` package miscounts when `leave` is called twice for one `take`,
 * and throws on every later call when `leave` is called too often, so only this file uses it.
 */
export function createSlots(max: number, admission?: SlotsLevel): Slots {
  const inner = semaphore(max)
  const toLevel = () => Math.min(max, admission?.level() ?? max)
  let used = 0
  let heldCount = 0

  function takeOne(): Permit {
    let held = true
    let inUse = false
    let end: (() => void) | undefined
    heldCount++
    inner.take(() => undefined) // succeeds immediately: `available` was checked in the same turn
    return {
      use() {
        if (!held || inUse) return
        inUse = true
        used++
        end = admission?.begin()
      },
      release() {
        if (!held) return
        held = false
        heldCount--
        if (inUse) used--
        end?.()
        inner.leave()
      },
    }
  }

  return {
    take(wanted) {
      const permits: Permit[] = []
      while (permits.length < wanted && heldCount < toLevel() && inner.available(1)) permits.push(takeOne())
      return permits
    },
    gauge() {
      const capacity = Math.max(used, toLevel())
      return { used, free: capacity - used, capacity, max }
    },
    whenIdle: () =>
      new Promise((resolve) => {
        inner.take(max, () => {
          inner.leave(max)
          resolve()
        })
      }),
  }
}
