import type { Suite } from './suite.ts'
import type { Exhaustive } from './tiers.ts'

/** Time limits that only a test that hangs reaches: a machine five times slower than usual stays below them. */
export const WAIT_SECONDS = 200
export const ROW_SECONDS = WAIT_SECONDS + 50

/** Number of tests at a time. Each has its own S3, SQS and daemons, and waits most of the time. */
const AT_ONCE = 3

/**
 * Returns a function that adds tests which run in parallel. Each keeps its own name, result and timeout. They start, in
 * order, with the first one.
 */
export function runInParallel(test: Suite): AddRow {
  const queue: (() => Promise<void>)[] = []
  let isStarted = false
  async function worker(): Promise<void> {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) await row()
  }
  function start(): void {
    if (isStarted) return
    isStarted = true
    for (let n = 0; n < AT_ONCE; n++) void worker()
  }
  const add = (name: string, body: () => Promise<void>, options: { exhaustive?: Exhaustive } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    promise.catch(() => undefined) // the test of this name reports the error
    const wait = () => {
      start()
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
  /** Adds a test that `npm test` leaves out and `npm run test:all` runs. */
  exhaustive(name: string, body: () => Promise<void>): void
}
