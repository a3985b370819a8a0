import type { JobDocument, JobError, MediaSummary, Output, PluginTiming, Warning } from '../../vocabulary/job.ts'

/** A job as mediad reports it. */
export type Job = {
  readonly id: string
  /** `queued`: no daemon has claimed the job yet. It has ended when it is `succeeded` or `dead`. */
  readonly state: 'queued' | JobDocument['state']
  /** Number of the attempt, from 1; 0 before a daemon has claimed the job. */
  readonly attempt: number
  readonly progress: JobDocument['progress']
  readonly source: {
    readonly key: string
    /** Absent while it is unknown. */
    readonly sizeBytes?: number
    /** Absent until the source has been probed. */
    readonly media?: MediaSummary
  }
  /** Objects in the bucket, once the job has succeeded. `url` is a presigned URL, if the request asked for URLs. */
  readonly outputs: readonly (Output & { readonly url?: string })[]
  readonly warnings: readonly Warning[]
  /** The error of the last attempt that failed; null when none did. */
  readonly error: Pick<JobError, 'code' | 'message' | 'plugin'> | null
  readonly timings: {
    readonly startedAt: string | null
    readonly endedAt: string | null
    readonly plugins: readonly PluginTiming[]
  }
  /** Seconds until the URLs of the outputs expire; absent without URLs. */
  readonly expiresIn?: number
}

/**
 * A job by its id, or by the key of its source. The key also finds an upload that no daemon has claimed yet. The result of
 * an upload has both; the key is then used.
 */
export type JobTarget = string | { readonly id: string } | { readonly key: string }

/** Returns the path and the query of a job, or of something below it: `/events`. */
export function toJobPath(target: JobTarget, below = ''): string {
  if (typeof target === 'object' && 'key' in target) return `/video${below}?key=${encodeURIComponent(target.key)}`
  return `/video/${encodeURIComponent(typeof target === 'string' ? target : target.id)}${below}`
}
