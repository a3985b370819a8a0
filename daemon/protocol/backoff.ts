/** Pauses grow up to this: SQS delays no message longer than 15 minutes. */
export const MAX_BACKOFF_SECONDS = 900

/**
 * Exponential backoff with full jitter: a random share of `baseSeconds` · 2^(attempt − 1), at least a second, at most
 * 15 minutes. Jitter over the whole span spreads the retries of jobs that failed together
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function toBackoffSeconds(attempt: number, baseSeconds: number, random: () => number = Math.random): number {
  const cap = Math.min(MAX_BACKOFF_SECONDS, baseSeconds * 2 ** Math.max(0, attempt - 1))
  return Math.min(cap, Math.max(1, Math.ceil(random() * cap)))
}
