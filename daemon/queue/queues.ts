import { z } from 'zod'
import type { JobRecord } from '../protocol/decide.ts'
import type { JobDocument, JobError, PastAttempt, WorkSource } from '../vocabulary/job.ts'
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

/** What lies on the dead queue: a job that is over, or a message that never was one. */
export type DeadMessage = {
  readonly reason: string
  readonly error: JobError
  readonly at: string
  readonly job?: Pick<JobDocument, 'id' | 'source' | 'claim' | 'attempt' | 'history'>
  /** The message's body as it came, cut after 32 Ki characters. */
  readonly body?: string
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

const id = z.string().regex(/^[0-9a-f]{32}$/)
const source = z.object({
  bucket: z.string(),
  key: z.string().refine((key) => key.isWellFormed()),
  etag: z.string(),
  sizeBytes: z.number(),
  sequencer: z.string().optional(),
})
const record = z.object({
  version: z.literal(1),
  id,
  source,
  claim: z.int().min(1),
  owner: z.string(),
})

/** The record in a body of the in-progress queue; null when it is none. */
export function parseRecord(body: string): JobRecord | null {
  try {
    return record.parse(JSON.parse(body)) as JobRecord
  } catch {
    return null
  }
}

const error = z.looseObject({ code: z.string(), message: z.string(), verdict: z.enum(['retry', 'reject', 'release']) })
const past = z.looseObject({
  attempt: z.number(),
  claim: z.number(),
  owner: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
  error,
})
const dead = z.object({
  version: z.literal(1),
  reason: z.string(),
  error,
  at: z.string(),
  job: z.object({ id, source, claim: z.int().min(1), attempt: z.number(), history: z.array(past) }).optional(),
  body: z.string().optional(),
})

/** What a message of the dead queue says; null when no daemon wrote it. */
export function parseDead(body: string): DeadMessage | null {
  try {
    const { version: _, ...message } = dead.parse(JSON.parse(body))
    return message as DeadMessage
  } catch {
    return null
  }
}

/**
 * JSON of ASCII alone: queues differ in which other characters they take (SQS refuses lone surrogates and some control
 * characters, others refuse whatever lies beyond U+FFFD), and a key may hold any.
 */
function toAscii(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
