import type { ErrorCode, MediadError, Verdict } from './errors.ts'
import type { JobDocument, JobError, Output, PluginTiming, Source } from './job.ts'

/** The job and the attempt that an event is about. */
export type JobFields = {
  /** Id of the job. */
  readonly id: string
  /** Key of the source. */
  readonly key: string
  /** Number of the attempt, from 1. */
  readonly attempt: number
  /** Number of the claim, from 1; it grows with every claim of the job. */
  readonly claim: number
}

/** Duration and size of one attempt. */
export type AttemptFields = {
  /** Wall time of the attempt in seconds; null when its daemon died before the end. */
  readonly seconds: number | null
  /** Wall time and CPU time of each plugin that ran, in seconds. */
  readonly plugins: readonly PluginTiming[]
  /** Size of the source in bytes. */
  readonly bytesIn: number
  /** Duration of the source in seconds; null when it is unknown. */
  readonly mediaSeconds: number | null
}

/** An error in an event. */
export type EventError = {
  readonly code: ErrorCode
  readonly message: string
  readonly verdict: Verdict
}

/** A queue that a daemon receives from, by its name in events and in the log. */
export type PolledName = 'work' | 'in-progress'

/** The daemon has started and receives messages. */
export type DaemonStarted = {
  readonly type: 'daemon:started'
  /** Name of the daemon. */
  readonly owner: string
}

/** The daemon has stopped. */
export type DaemonStopped = {
  readonly type: 'daemon:stopped'
  /** Name of the daemon. */
  readonly owner: string
}

/** An attempt has started. */
export type JobStarted = JobFields & {
  readonly type: 'job:started'
  readonly source: Source
}

/** A plugin reports progress. */
export type JobProgress = JobFields & {
  readonly type: 'job:progress'
  /** Name of the plugin; null between plugins. */
  readonly plugin: string | null
  /** Integers from 0 to 100. That of the chain never decreases in an attempt; that of the plugin is absent between plugins. */
  readonly percent: number
  readonly pluginPercent?: number
}

/** A plugin adds a warning to the job document; the job continues. */
export type JobWarned = JobFields & {
  readonly type: 'job:warned'
  /** Name of the plugin. */
  readonly plugin: string
  readonly message: string
}

/** The job succeeded, and its document has been written. */
export type JobSucceeded = JobFields &
  AttemptFields & {
    readonly type: 'job:succeeded'
    readonly outputs: readonly Output[]
    /** Total size of the outputs in bytes. */
    readonly bytesOut: number
  }

/** An attempt failed, and the job will be tried again. */
export type JobFailed = JobFields &
  AttemptFields & {
    readonly type: 'job:failed'
    readonly error: JobError
    /**
     * Backoff, in seconds: the next attempt begins at the earliest after this time, when the in-progress message of the job
     * is checked.
     */
    readonly retryInSeconds: number
  }

/** The job was moved to the dead-letter queue, by its owner or by the next daemon that read its document. */
export type JobDeadLettered = JobFields &
  AttemptFields & {
    readonly type: 'job:dead_lettered'
    readonly error: JobError
    /** True if its owner did it at the end of the attempt. */
    readonly byOwner: boolean
  }

/** The job was returned to the work queue, and the attempt does not count. */
export type JobReleased = JobFields &
  AttemptFields & {
    readonly type: 'job:released'
    /** Why it was released, such as `daemon.stopping`. */
    readonly error: EventError
  }

/** The daemon ended the attempt because the job belongs to another one. */
export type JobAbandoned = JobFields &
  AttemptFields & {
    readonly type: 'job:abandoned'
    /** Why it was abandoned, such as `lease.lost`. */
    readonly error: EventError
  }

/** A message that is not valid was moved to the dead-letter queue. */
export type MessageDeadLettered = {
  readonly type: 'message:dead_lettered'
  readonly queue: PolledName
  /** Id of the message. */
  readonly message: string
  readonly error: EventError
}

/** A receive request succeeded. */
export type PollFinished = {
  readonly type: 'poll:finished'
  readonly queue: PolledName
  /** Number of messages received; 0 when there were none. */
  readonly messages: number
}

/** A receive request failed. */
export type PollFailed = {
  readonly type: 'poll:failed'
  readonly queue: PolledName
  readonly error: EventError
  /** Pause before the next request, in seconds. */
  readonly retryInSeconds: number
}

/**
 * The sweeper checked an in-progress message. `drop`: the job is finished or has a newer claim. `wait`: its daemon
 * holds the lease. `retry`: the source is returned to the work queue (or the job is dead-lettered, when the source no
 * longer exists). `dead-letter`: the job was rejected, or no attempt is left.
 */
export type SweepDecided = {
  readonly type: 'sweep:decided'
  /** Id of the job. */
  readonly id: string
  /** Key of the source. */
  readonly key: string
  /** Number of the claim that the message belongs to. */
  readonly claim: number
  readonly decision: 'drop' | 'wait' | 'retry' | 'dead-letter'
}

/** The sweeper could not handle an in-progress message, which becomes visible again. */
export type SweepFailed = {
  readonly type: 'sweep:failed'
  /** Id of the message. */
  readonly message: string
  readonly error: EventError
}

/** A heartbeat was written. */
export type HeartbeatWritten = JobFields & { readonly type: 'heartbeat:written' }

/** A heartbeat failed; the job continues while its lease holds. */
export type HeartbeatMissed = JobFields & {
  readonly type: 'heartbeat:missed'
  readonly error: EventError
}

/** The daemon lost the lease of a job: its heartbeats failed, or another daemon claimed the job. */
export type LeaseLost = JobFields & {
  readonly type: 'lease:lost'
  readonly error: EventError
}

/** The daemon claimed a job whose lease was stale: the previous owner died, or could not write heartbeats. */
export type LeaseTakenOver = JobFields & {
  readonly type: 'lease:taken_over'
  /** The owner that lost the job. */
  readonly previousOwner: string | null
}

/** The circuit breaker tripped: something that every job needs failed, and the daemon pauses receiving. */
export type CircuitTripped = {
  readonly type: 'circuit:tripped'
  readonly queue: PolledName
  /** Whether it failed while a message was handled or in a job. */
  readonly by: 'message' | 'job'
  readonly error: EventError
  /** Duration of the pause in seconds. */
  readonly pauseSeconds: number
}

/** The circuit breaker was reset: the daemon receives at its usual pace again. */
export type CircuitReset = {
  readonly type: 'circuit:reset'
  readonly queue: PolledName
}

/** An event of a daemon, as `onEvent` of the config receives it. It is read-only: the daemon uses the same object. */
export type DaemonEvent =
  | DaemonStarted
  | DaemonStopped
  | JobStarted
  | JobProgress
  | JobWarned
  | JobSucceeded
  | JobFailed
  | JobDeadLettered
  | JobReleased
  | JobAbandoned
  | MessageDeadLettered
  | PollFinished
  | PollFailed
  | SweepDecided
  | SweepFailed
  | HeartbeatWritten
  | HeartbeatMissed
  | LeaseLost
  | LeaseTakenOver
  | CircuitTripped
  | CircuitReset

/** Publishes an event. Never throws or waits. */
export type Emit = (event: DaemonEvent) => void

/** Returns the fields that identify the job of an event, from its document. */
export function toJobFields({ id, source, attempt, claim }: Fields<'id' | 'source' | 'attempt' | 'claim'>): JobFields {
  return { id, key: source.key, attempt, claim }
}

/** Returns the duration and size of an attempt, from the job's document. */
export function toAttemptFields({ source, timings, media }: Fields<'source' | 'timings' | 'media'>): AttemptFields {
  return {
    seconds: timings.endedAt === null ? null : (Date.parse(timings.endedAt) - Date.parse(timings.startedAt)) / 1000,
    plugins: timings.plugins,
    bytesIn: source.sizeBytes,
    mediaSeconds: media?.durationSeconds ?? null,
  }
}

/** Reduces an error to the fields that events carry. */
export const toEventError = ({ code, message, verdict }: MediadError): EventError => ({ code, message, verdict })

type Fields<Name extends keyof JobDocument> = Pick<JobDocument, Name>
