import type { MediadError } from '../vocabulary/errors.ts'

/** Receives faults that affect more than one job, so that the daemon pauses receiving. */
export type FaultReporter = {
  /** Reports that something that every message, or every job, needs failed. */
  trip(by: 'message' | 'job', error: unknown): void
  /** Reports a success. */
  reset(by: 'message' | 'job'): void
}

/** Codes of errors that the next job would most likely meet, too. */
const shared: ReadonlySet<string> = new Set([
  'transient.storage',
  'transient.queue',
  'access.denied',
  'resource.workspace',
  'config.storage',
  'config.queue',
  'config.ffmpeg',
])

/** Returns whether the next job would most likely fail with the same error. */
export function isShared({ code }: MediadError): boolean {
  return shared.has(code)
}
