import { toAttemptFields, toJobFields, type Emit } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Queues } from '../queue/queues.ts'
import { toDeadDraft } from '../protocol/claim.ts'
import type { Documents } from './documents.ts'
import type { DocumentDraft, JobError, SeenDocument } from '../vocabulary/job.ts'

export type BuryParts = {
  queues: Pick<Queues, 'sendDead'>
  documents: Documents
  emit: Emit
  log: DaemonLog
}

/**
 * Buries a job that nobody works on: to the dead queue first, then the document, so that a crash between the two makes a
 * second dead message and never a lost job. False when the document changed meanwhile: look again.
 */
export async function bury(parts: BuryParts, seen: SeenDocument, error: JobError): Promise<boolean> {
  const { queues, documents, emit, log } = parts
  const { id } = seen.document
  const dead = toDeadDraft(seen.document, error)
  await queues.sendDead(toDeadMessage(dead, error))
  if ((await documents.write(dead, seen)) === null) return false
  log.error(
    { event: 'job.dead_lettered', job: id, attempt: dead.attempt, error },
    `job dead-lettered: ${error.message}`,
  )
  emit({ type: 'job:dead_lettered', ...toJobFields(dead), ...toAttemptFields(dead), error })
  return true
}

/** What the dead queue gets to know of a job. */
export function toDeadMessage(dead: DocumentDraft, error: JobError) {
  const { id, source, claim, attempt, history } = dead
  return { reason: error.code, error, at: new Date().toISOString(), job: { id, source, claim, attempt, history } }
}
