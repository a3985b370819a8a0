import { toAttemptFields, toJobFields, type Emit, type PolledName } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { MediadError } from '../vocabulary/errors.ts'
import type { Message, Queue } from '../queue/queue.ts'
import type { Queues } from '../queue/queues.ts'
import { RACE_SECONDS } from '../protocol/backoff.ts'
import { toDeadDraft } from '../protocol/claim.ts'
import type { Documents } from './documents.ts'
import type { DocumentDraft, JobDocument, JobError, SeenDocument } from '../vocabulary/job.ts'

export type DeadLetterDeps = {
  queues: Pick<Queues, 'sendDead'>
  documents: Documents
  emit: Emit
  log: DaemonLog
}

type MessageDeps = Pick<DeadLetterDeps, 'queues' | 'emit' | 'log'>

/** A received message, and the queue that it was received from. */
export type Received = { queue: Queue; queueName: PolledName; message: Message }

type DeadJob = {
  document: JobDocument
  error: JobError
  /** Writes the dead document; null when another writer was faster. */
  write(dead: DocumentDraft): Promise<unknown>
}

/**
 * Dead-letters a job: sends the dead message, then writes the document. A crash between the two can leave a duplicate
 * dead message, never a lost job. Returns the written document; null when another writer was faster.
 */
export async function deadLetterJob(
  queues: Pick<Queues, 'sendDead'>,
  { document, error, write }: DeadJob,
): Promise<DocumentDraft | null> {
  const dead = toDeadDraft(document, error)
  const { id, source, claim, attempt, history } = dead
  const job = { id, source, claim, attempt, history }
  await queues.sendDead({ reason: error.code, error, at: new Date().toISOString(), job })
  return (await write(dead)) === null ? null : dead
}

/**
 * Dead-letters a job that no daemon owns, then deletes the message that led to it. When the document has changed in the
 * meantime, the message is hidden for a second instead, and handled again.
 */
export async function deadLetterUnowned(
  { queues, documents, emit, log }: DeadLetterDeps,
  { queue, message }: Received,
  { seen, error }: { seen: SeenDocument; error: JobError },
): Promise<void> {
  const { document } = seen
  const dead = await deadLetterJob(queues, { document, error, write: (draft) => documents.write(draft, seen) })
  if (dead === null) return await queue.hide(message, RACE_SECONDS)
  log.error(
    { event: 'job.dead_lettered', job: dead.id, attempt: dead.attempt, error },
    `job dead-lettered: ${error.message}`,
  )
  emit({ type: 'job:dead_lettered', ...toJobFields(dead), ...toAttemptFields(dead), error, byOwner: false })
  await queue.delete(message)
}

/** Moves a message that cannot be processed to the dead-letter queue, with the reason and its body. */
export async function deadLetterMessage(
  { queues, emit, log }: MessageDeps,
  { queue, queueName, message }: Received,
  { code, message: reason }: Pick<MediadError, 'code' | 'message'>,
): Promise<void> {
  const error = { code, message: reason, verdict: 'reject' } as const
  log.error(
    { event: 'message.dead_lettered', error, message: message.id, queue: queueName },
    `message dead-lettered: ${reason}`,
  )
  await queues.sendDead({ reason: code, error, at: new Date().toISOString(), body: message.body })
  await queue.delete(message)
  emit({ type: 'message:dead_lettered', queue: queueName, message: message.id, error })
}

/**
 * Number of receives after which a message with an unreadable document is dead-lettered. A newer daemon may read it.
 */
const MAX_UNREADABLE_RECEIVES = 10

/**
 * Dead-letters a message whose job document is not readable, once the message was received ten times. Returns false,
 * and leaves the message to the caller, for any other error and for fewer receives.
 */
export async function deadLetterUnreadable(
  deps: MessageDeps,
  received: Received,
  error: MediadError,
): Promise<boolean> {
  if (error.code !== 'internal.document' || received.message.receiveCount < MAX_UNREADABLE_RECEIVES) return false
  await deadLetterMessage(deps, received, error)
  return true
}
