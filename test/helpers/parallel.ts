import type { Suite } from './suite.ts'
import type { Exhaustive } from './tiers.ts'

/** What hangs is noticed by these, and nothing else is: a row on a machine five times slower is still through in time. */
export const WAIT_SECONDS = 200
export const ROW_SECONDS = WAIT_SECONDS + 50

/** Rows at once: each has a cloud and daemons of its own, and mostly waits. */
const AT_ONCE = 3

/**
 * Tests of one file that run side by side; each still has a name, a result and a timeout of its own. They begin with the
 * first, in their order.
 */
export function runInParallel(test: Suite): AddRow {
  const queue: (() => Promise<void>)[] = []
  let begun = false
  async function worker(): Promise<void> {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) await row()
  }
  function begin(): void {
    if (begun) return
    begun = true
    for (let n = 0; n < AT_ONCE; n++) void worker()
  }
  const add = (name: string, body: () => Promise<void>, options: { exhaustive?: Exhaustive } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    promise.catch(() => undefined) // the test of that name gets it
    const wait = () => {
      begin()
      return promise
    }
    if (test(name, wait, options)) queue.push(() => body().then(resolve, reject))
  }
  return Object.assign(add, {
    exhaustive: (name: string, body: () => Promise<void>) => add(name, body, { exhaustive: true }),
  })
}

type AddRow = {
  (name: string, body: () => Promise<void>, options?: { exhaustive?: Exhaustive }): void
  /** A row that `npm test` leaves out, and `npm run test:all` runs. */
  exhaustive(name: string, body: () => Promise<void>): void
}
