import { randomUUID } from 'node:crypto'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import type { Log } from '../vocabulary/log.ts'
import { parseNotification, type NotificationScope } from '../protocol/notification.ts'
import type { Message } from '../queue/queue.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
import { RACE_SECONDS, toBackoffSeconds } from '../protocol/backoff.ts'
import { deadLetterMessage, deadLetterUnowned, deadLetterUnreadable, type DeadLetterDeps } from './dead-letter.ts'
import { toDeadError, toClaimDraft } from '../protocol/claim.ts'
import { decideTake, type Limits, type TakeDecision } from '../protocol/decide.ts'
import type { Documents, Written } from './documents.ts'
import { type SeenDocument, type Source, toJobId, type WorkSource } from '../vocabulary/job.ts'
import { isShared, type Trouble } from '../protocol/fault.ts'

export type IntakeParts = {
  queues: Queues
  documents: Documents
  storage: Pick<Storage, 'head'>
  scope: NotificationScope
  limits: Limits
  /** This daemon's name; each claim makes an owner of its own of it. */
  daemonName: string
  emit: DeadLetterDeps['emit']
  log: Log
}

/**
 * Takes a work message to where the job is ours and its in-progress message carries it, or settles the message otherwise.
 * Never throws: a message that cannot be settled now is hidden for a while and comes back.
 *
 * INVARIANT: send before delete. Whatever dies between two steps leaves a message too many, never one too few.
 */
export type Intake = (message: Message, trouble: Trouble) => Promise<Written | null>

export function createIntake(parts: IntakeParts): Intake {
  return async (message, trouble) => {
    try {
      const claimed = await take(parts, message)
      trouble.loosen('message')
      return claimed
    } catch (thrown) {
      const error = toMediadError(thrown, 'transient.queue')
      if (isShared(error)) trouble.pull('message', error)
      await putBackOrRefuse(parts, message, error)
      return null
    }
  }
}

async function take(parts: IntakeParts, message: Message): Promise<Written | null> {
  const { queues, log } = parts
  const notification = parseNotification(message.body, parts.scope)
  if (notification.kind === 'invalid') return await refuse(parts, message, notification.reason)
  if (notification.kind === 'ignored') {
    log.debug({ reason: notification.reason, message: message.id }, 'ignored a message')
    await queues.work.delete(message)
    return null
  }
  const [source, ...more] = notification.sources
  if (source && more.length === 0 && notification.broken === undefined) return await takeSource(parts, message, source)
  for (const one of notification.sources) await queues.sendSource(one)
  if (notification.broken !== undefined) return await refuse(parts, message, notification.broken)
  await queues.work.delete(message)
  return null
}

async function takeSource(parts: IntakeParts, message: Message, named: WorkSource): Promise<Written | null> {
  const { queues, documents, limits } = parts
  const { redrive: _, ...source } = named // belongs to the work message alone, not to the document or the in-progress message
  const id = toJobId(source.bucket, source.key)
  const log = parts.log.child({ job: id })
  const seen = await documents.read(id)
  const decision = await verified(parts, source, { seen, decision: decideTake(named, seen, limits) })
  if (decision.do !== 'claim') log.debug({ decision, key: source.key }, `work message: ${decision.do}`)
  switch (decision.do) {
    case 'delete':
      await queues.work.delete(message)
      return null
    case 'postpone':
      await queues.work.hide(message, decision.seconds)
      return null
    case 'dead-letter':
      if (seen) {
        const error = toDeadError(seen.document, limits.attempts)
        await deadLetterUnowned(parts, { queue: queues.work, message }, { seen, error })
      }
      return null
    case 'claim':
      return await claim(parts, message, {
        id,
        source,
        previous: seen,
        claim: decision.claim,
        attempt: decision.attempt,
      })
  }
}

type ClaimStep = { id: string; source: Source; previous: SeenDocument | null; claim: number; attempt: number }

/** In-progress message, then claim, then delete: in every gap the job has a message. */
async function claim(parts: IntakeParts, message: Message, step: ClaimStep): Promise<Written | null> {
  const { queues, documents, limits } = parts
  const owner = `${parts.daemonName}/${randomUUID().slice(0, 8)}`
  await queues.sendInProgressMessage(
    { id: step.id, source: step.source, claim: step.claim, owner },
    limits.recheckSeconds,
  )
  const written = await documents.write(toClaimDraft({ ...step, owner }), step.previous)
  if (written === null) {
    await queues.work.hide(message, RACE_SECONDS)
    return null
  }
  try {
    await queues.work.delete(message)
  } catch (error) {
    // the job is ours and its in-progress message carries it; the work message comes back and finds it owned
    parts.log.warn({ error, job: step.id }, 'a claimed message could not be deleted')
  }
  return written
}

type Finding = { seen: SeenDocument | null; decision: TakeDecision }

/** Without sequencers the order of two uploads is unknown: the bucket knows which one counts. */
async function verified({ storage }: IntakeParts, source: Source, { seen, decision }: Finding): Promise<TakeDecision> {
  const known = seen?.document.source
  if (decision.do !== 'claim' || known === undefined || known.etag === source.etag) return decision
  if (known.sequencer !== undefined && source.sequencer !== undefined) return decision
  const current = await storage.head(source.key)
  return current?.etag === known.etag ? { do: 'delete', why: 'superseded' } : decision
}

/** A body that is not a notification never becomes one. */
async function refuse(parts: IntakeParts, message: Message, reason: string): Promise<null> {
  const error = new MediadError('message.invalid', reason)
  await deadLetterMessage(parts, { queue: parts.queues.work, message }, error)
  return null
}

async function putBackOrRefuse(parts: IntakeParts, message: Message, error: MediadError): Promise<void> {
  try {
    if (await deadLetterUnreadable(parts, { queue: parts.queues.work, message }, error)) return
  } catch (deadError) {
    return putBack(parts, message, toMediadError(deadError, 'transient.queue'))
  }
  await putBack(parts, message, error)
}

async function putBack({ queues, log }: IntakeParts, message: Message, error: MediadError): Promise<void> {
  const pause = toBackoffSeconds(message.receiveCount, RACE_SECONDS)
  log.warn(
    { error, message: message.id },
    `a work message could not be settled, it comes back in ${pause} s: ${error.message}`,
  )
  try {
    await queues.work.hide(message, pause)
  } catch (hideError) {
    log.debug({ error: hideError }, `the message comes back when its visibility timeout ends: ${toMessage(hideError)}`)
  }
}
