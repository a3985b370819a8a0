/** Longest backoff. SQS cannot delay a message for more than 15 minutes. */
export const MAX_BACKOFF_SECONDS = 900

/** Pause in seconds before a message is handled again after its document changed in the meantime. */
export const RACE_SECONDS = 1

/**
 * Returns the pause in seconds after a failed attempt: exponential backoff with full jitter, which is a random fraction
 * of `baseSeconds` · 2^(attempt − 1), from 1 second to 15 minutes. Full jitter spreads the retries of jobs that failed
 * together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function toBackoffSeconds(attempt: number, baseSeconds: number, random: () => number = Math.random): number {
  const cap = Math.min(MAX_BACKOFF_SECONDS, baseSeconds * 2 ** Math.max(0, attempt - 1))
  return Math.min(cap, Math.max(1, Math.ceil(random() * cap)))
}

/**
 * Returns the pause in milliseconds before a conditional write is repeated after it lost a race or its outcome was
 * unknown: full jitter over 100 ms · 2^attempt, at most `maxMs`.
 */
export function toRacePauseMs(attempt: number, maxMs: number, random: () => number = Math.random): number {
  return Math.min(maxMs, RACE_BASE_MS * 2 ** attempt) * random()
}

const RACE_BASE_MS = 100
