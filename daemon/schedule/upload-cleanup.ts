import { systemClock, type Clock } from '../vocabulary/clock.ts'
import type { AbortExpiredUploads } from '../storage/uploads/expired.ts'

export type UploadCleanup = {
  start(): void
  /** Ends a run, and resolves once it has ended. */
  stop(): Promise<void>
}

const INTERVAL_MS = 3600_000
/** A daemon that runs for a few minutes leaves the cleanup to others. */
const LEAST_MS = 600_000

/** Aborts the expired multipart uploads of clients once an hour, at another minute in every daemon. */
export function createUploadCleanup({
  abortExpired,
  clock = systemClock,
  random = Math.random,
}: {
  abortExpired: AbortExpiredUploads
  clock?: Clock
  random?: () => number
}): UploadCleanup {
  const stopping = new AbortController()
  const { signal } = stopping
  let running = Promise.resolve()

  async function run(): Promise<void> {
    await clock.wait(LEAST_MS + random() * (INTERVAL_MS - LEAST_MS), signal)
    while (!signal.aborted) {
      await abortExpired(signal)
      await clock.wait(INTERVAL_MS, signal)
    }
  }

  return {
    start: () => void (running = run()),
    stop() {
      stopping.abort()
      return running
    },
  }
}
