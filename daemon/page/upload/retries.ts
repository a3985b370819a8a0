import type { PageUppy } from './uppy.ts'
import type { UploadFailure } from './failure.ts'

/** Starts failed uploads again. */
export type Retries = {
  /** Plans the next attempt of an upload that failed, if one can help. */
  plan(id: string, failure: UploadFailure): void
  isPlanned(id: string): boolean
  /** Starts an upload now. */
  run(id: string): void
  /** Starts all uploads that failed now. */
  runAll(): void
  /** Forgets the failures of an upload, because it made progress or was cancelled. */
  forget(id: string): void
}

const ATTEMPTS = 8
const FIRST_MS = 2_000
const LONGEST_MS = 30_000

export function createRetries(uppy: PageUppy, start: (id: string) => void): Retries {
  const failures = new Map<string, number>()
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  const run = (id: string) => {
    clearTimeout(timers.get(id))
    timers.delete(id)
    if (uppy.getFile(id)?.error) start(id)
  }
  return {
    plan(id, { remedy }) {
      // the client would ask for the parts of an upload that is gone again and again
      if (remedy === 'restart') uppy.setFileState(id, { s3Multipart: undefined } as object)
      const count = (failures.get(id) ?? 0) + 1
      failures.set(id, count)
      if (remedy === 'none' || count > ATTEMPTS) return
      const pause = remedy === 'restart' ? 0 : Math.min(FIRST_MS * 2 ** (count - 1), LONGEST_MS)
      clearTimeout(timers.get(id))
      timers.set(
        id,
        setTimeout(() => run(id), pause),
      )
    },
    isPlanned: (id) => timers.has(id),
    run(id) {
      failures.delete(id)
      run(id)
    },
    runAll() {
      for (const { id, error } of uppy.getFiles()) if (error) run(id)
    },
    forget(id) {
      clearTimeout(timers.get(id))
      timers.delete(id)
      failures.delete(id)
    },
  }
}
