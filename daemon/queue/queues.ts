import type { DeadMessage, JobRecord } from '../protocol/messages.ts'
import type { PastAttempt, WorkSource } from '../vocabulary/job.ts'
import { toNotificationBody } from '../protocol/notification.ts'
import type { Queue } from './queue.ts'

/** The three queues, and what travels on each. */
export type Queues = {
  readonly work: Queue
  readonly inProgress: Queue
  readonly dead: Queue
  /** Puts a source (back) on the work queue. */
  sendSource(source: WorkSource, delaySeconds?: number): Promise<void>
  /** The promise that somebody will look at this claim again. */
  sendRecord(record: JobRecord, delaySeconds: number): Promise<void>
  sendDead(dead: DeadMessage): Promise<void>
}

/** Well below the 256 KiB of a message, whatever the characters. */
const MAX_BODY_CHARACTERS = 32 * 1024

export function createQueues({ work, inProgress, dead }: Pick<Queues, 'work' | 'inProgress' | 'dead'>): Queues {
  return {
    work,
    inProgress,
    dead,
    sendSource: (source, delaySeconds) => work.send(toNotificationBody(source), delaySeconds),
    sendRecord: (record, delaySeconds) => inProgress.send(toAscii({ version: 1, ...record }), delaySeconds),
    sendDead: (message) => dead.send(toAscii({ version: 1, ...toSendable(message) })),
  }
}

/** What programs printed in earlier attempts stays in the job document: a message has no room for all of it. */
function toSendable({ body, job, ...rest }: DeadMessage): DeadMessage {
  return {
    ...rest,
    ...(body !== undefined && { body: body.slice(0, MAX_BODY_CHARACTERS) }),
    ...(job && { job: { ...job, history: job.history.map(withoutStderr) } }),
  }
}

function withoutStderr(past: PastAttempt): PastAttempt {
  const { stderr: _stderr, ...error } = past.error
  return { ...past, error }
}

/**
 * JSON of ASCII alone: queues differ in which other characters they take (SQS refuses lone surrogates and some control
 * characters, others refuse whatever lies beyond U+FFFD), and a key may hold any.
 */
function toAscii(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
