import { networkError } from './errors.ts'

export type LinkedController = {
  readonly controller: AbortController
  /** Removes the listener from the signal. */
  unlink(): void
}

/** Creates a controller that also aborts when the signal does. */
export function linkController(signal: AbortSignal | undefined): LinkedController {
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  return { controller, unlink: () => signal?.removeEventListener('abort', abort) }
}

/** Waits for a promise, and calls `onLate` with an error if that takes too long. */
export async function withinTime<T>(promise: Promise<T>, seconds: number, onLate: (error: Error) => void): Promise<T> {
  const timer = setTimeout(() => onLate(networkError(`There was no response for ${seconds} s.`)), seconds * 1000)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
