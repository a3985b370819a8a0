import type { MediadError } from '../vocabulary/errors.ts'

/** Where steps tell of what concerns more than one job, so that no more jobs are taken into it. */
export type FaultReporter = {
  /** Something every message, or every job, needs did not answer or refused. */
  trip(by: 'message' | 'job', error: unknown): void
  /** It works. */
  reset(by: 'message' | 'job'): void
}

const shared: ReadonlySet<string> = new Set([
  'transient.storage',
  'transient.queue',
  'access.denied',
  'resource.workspace',
  'config.storage',
  'config.queue',
  'config.ffmpeg',
])

/** Whether the next job would fail of the same. */
export function isShared({ code }: MediadError): boolean {
  return shared.has(code)
}
