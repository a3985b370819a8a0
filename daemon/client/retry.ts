import { ClientError } from './errors.ts'

export type RetryOptions = {
  /** Failures in a row of one request after which its operation fails. Failures while the browser is offline do not count. Default 10. */
  attempts?: number
  /** Longest pause after the first failure. Pauses are random, and the longest pause doubles with each failure. Default 0.5. */
  firstSeconds?: number
  /** Limit of the longest pause. A `retry-after` of the server takes precedence, up to 300 s. Default 30. */
  maxSeconds?: number
}

export type RetryPolicy = Readonly<Required<RetryOptions>>

/** With these, a server can be away for about a minute. */
export const retryDefaults: RetryPolicy = { attempts: 10, firstSeconds: 0.5, maxSeconds: 30 }

const MAX_RETRY_AFTER_SECONDS = 300

type RetrySettings = {
  policy: RetryPolicy
  signal?: AbortSignal | undefined
  /** Default: transient errors. */
  canRetry?: (error: unknown) => boolean
}

/** Runs `run` until it succeeds, or fails with an error that another attempt cannot help, or too often. */
export async function retry<T>(run: () => Promise<T>, settings: RetrySettings): Promise<T> {
  const { policy, signal, canRetry = isTransient } = settings
  for (let failures = 0; ;) {
    try {
      return await run()
    } catch (error) {
      signal?.throwIfAborted()
      if (!canRetry(error)) throw error
      const offline = isOffline(error)
      if (!offline && ++failures >= policy.attempts) throw error
      await pause(offline ? policy.maxSeconds : toPause(error, failures, policy), signal)
    }
  }
}

export function isTransient(error: unknown): boolean {
  return error instanceof ClientError && error.isTransient
}

function toPause(error: unknown, failures: number, { firstSeconds, maxSeconds }: RetryPolicy): number {
  const asked = error instanceof ClientError ? (error.retryAfterSeconds ?? 0) : 0
  const random = Math.random() * Math.min(maxSeconds, firstSeconds * 2 ** (failures - 1))
  // the pause is never shorter than the server asked for, and clients that were refused together do not return together
  return Math.min(asked, MAX_RETRY_AFTER_SECONDS) + random
}

/** What browsers have and Node does not; `navigator.onLine` can be wrong in both directions. */
const platform = globalThis as {
  navigator?: { onLine?: boolean }
  addEventListener?: (type: string, listener: () => void) => void
  removeEventListener?: (type: string, listener: () => void) => void
}

function isOffline(error: unknown): boolean {
  return error instanceof ClientError && error.status === null && platform.navigator?.onLine === false
}

/** Waits, or until the browser is online again. Rejects with the reason of the signal. */
export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      platform.removeEventListener?.('online', end)
      signal?.removeEventListener('abort', end)
      if (signal?.aborted) reject(signal.reason as Error)
      else resolve()
    }
    const timer = setTimeout(end, seconds * 1000)
    platform.addEventListener?.('online', end)
    signal?.addEventListener('abort', end)
    if (signal?.aborted) end()
  })
}
