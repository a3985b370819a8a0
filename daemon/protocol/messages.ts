import { z } from 'zod'
import type { JobDocument, JobError, Source } from '../vocabulary/job.ts'

/** The job's message on the in-progress queue: the promise that somebody will look at it again. */
export type JobRecord = {
  readonly id: string
  readonly source: Source
  readonly claim: number
  readonly owner: string
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
