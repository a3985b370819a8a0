import type { Queues } from '../queue/queues.ts'
import { toDeadDraft } from './claim.ts'
import type { Documents, SeenDocument } from './document.ts'
import type { JobError } from './job.ts'

/**
 * Buries a job that nobody works on: to the dead queue first, then the document, so that a crash between the two makes a
 * second dead message and never a lost job. False when the document changed meanwhile: look again.
 */
export async function bury(
  parts: { queues: Queues; documents: Documents },
  seen: SeenDocument,
  error: JobError,
): Promise<boolean> {
  const dead = toDeadDraft(seen.document, error)
  await parts.queues.sendDead(toDeadMessage(dead, error))
  return (await parts.documents.write(dead, seen)) !== null
}

/** What the dead queue gets to know of a job. */
export function toDeadMessage(dead: Parameters<Documents['write']>[0], error: JobError) {
  const { id, source, claim, attempt, history } = dead
  return { reason: error.code, error, at: new Date().toISOString(), job: { id, source, claim, attempt, history } }
}
