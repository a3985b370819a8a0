import { z } from 'zod'
import {
  jobErrorSchema,
  jobIdSchema,
  pastAttemptSchema,
  sourceSchema,
  type JobDocument,
  type JobError,
  type Source,
} from '../vocabulary/job.ts'
import { parseJson } from '../vocabulary/validation/validation.ts'

/** The message of a claimed job on the in-progress queue. It guarantees that a sweeper checks the job later. */
export type InProgressMessage = {
  readonly id: string
  readonly source: Source
  readonly claim: number
  readonly owner: string
}

/** A message on the dead-letter queue: a job that failed for good, or a message that could not be processed. */
export type DeadMessage = {
  /** Code of the error. */
  readonly reason: string
  readonly error: JobError
  /** Time of dead-lettering, ISO 8601. */
  readonly at: string
  /** Absent for a message that could not be processed. */
  readonly job?: Pick<JobDocument, 'id' | 'source' | 'claim' | 'attempt' | 'history'>
  /** Body of a message that could not be processed, truncated to 32 Ki characters; absent for a job. */
  readonly body?: string
}

const inProgressSchema = z.object({
  version: z.literal(1),
  id: jobIdSchema,
  source: sourceSchema,
  claim: z.int().min(1),
  owner: z.string(),
})

const deadSchema = z.object({
  version: z.literal(1),
  reason: z.string(),
  error: jobErrorSchema,
  at: z.string(),
  job: z
    .object({
      id: jobIdSchema,
      source: sourceSchema,
      claim: z.int().min(1),
      attempt: z.int().min(1),
      history: z.array(pastAttemptSchema),
    })
    .exactOptional(),
  body: z.string().exactOptional(),
})

/** Parses the body of a message on the in-progress queue; null when it is not an in-progress message. */
export function parseInProgressMessage(body: string): InProgressMessage | null {
  return parse(inProgressSchema, body)
}

/** Parses the body of a message on the dead-letter queue; null when it is not a dead message. */
export function parseDeadMessage(body: string): DeadMessage | null {
  return parse(deadSchema, body)
}

function parse<Message extends { version: 1 }>(
  schema: z.ZodType<Message>,
  body: string,
): Omit<Message, 'version'> | null {
  const parsed = schema.safeParse(parseJson(body))
  if (!parsed.success) return null
  const { version: _, ...message } = parsed.data
  return message
}
