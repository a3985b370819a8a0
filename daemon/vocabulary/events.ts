import type { JobError, Output, Source } from './job.ts'

/** What happens in a daemon, for `onEvent` in the config: `noun:verb`, one payload each. A listener's error is logged, never felt. */
export type DaemonEvent =
  | { type: 'daemon:started'; owner: string }
  | { type: 'daemon:stopped'; owner: string }
  | { type: 'job:started'; id: string; source: Source; attempt: number; claim: number }
  | { type: 'job:progress'; id: string; plugin: string | null; percent: number }
  | { type: 'job:succeeded'; id: string; outputs: readonly Output[]; seconds: number }
  | { type: 'job:failed'; id: string; error: JobError; retryInSeconds: number }
  | { type: 'job:buried'; id: string; error: JobError }
  | { type: 'job:released'; id: string }
  | { type: 'job:abandoned'; id: string }
