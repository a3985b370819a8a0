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
import { parseJson } from '../vocabulary/validation.ts'

/** The job's message on the in-progress queue: the promise that somebody will look at it again. */
export type InProgressMessage = {
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

/** Parses a body of the in-progress queue; null when it is not an in-progress message. */
export function parseInProgressMessage(body: string): InProgressMessage | null {
  return parse(inProgressSchema, body)
}

/** Parses a body of the dead-letter queue; null when no daemon wrote it. */
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
