/** Pauses grow up to this: SQS delays no message longer than 15 minutes. */
export const MAX_BACKOFF_SECONDS = 900

/** Pause in seconds before a message is decided about again whose document changed in between. */
export const RACE_SECONDS = 1

/**
 * Exponential backoff with full jitter: a random share of `baseSeconds` · 2^(attempt − 1), at least a second, at most
 * 15 minutes. Jitter over the whole span spreads the retries of jobs that failed together
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function toBackoffSeconds(attempt: number, baseSeconds: number, random: () => number = Math.random): number {
  const cap = Math.min(MAX_BACKOFF_SECONDS, baseSeconds * 2 ** Math.max(0, attempt - 1))
  return Math.min(cap, Math.max(1, Math.ceil(random() * cap)))
}

/**
 * Pause in milliseconds before a conditional write is tried again that lost a race or got no verdict: full jitter over
 * 100 ms · 2^attempt, at most `maxMs`.
 */
export function toRacePauseMs(attempt: number, maxMs: number, random: () => number = Math.random): number {
  return Math.min(maxMs, RACE_BASE_MS * 2 ** attempt) * random()
}

const RACE_BASE_MS = 100
