import { randomUUID } from 'node:crypto'
import { roundSeconds } from '../vocabulary/clock.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toJobFields, type Emit } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { parseNotification, type NotificationScope, type RoutedSource } from '../protocol/notification.ts'
import type { Route } from '../protocol/route.ts'
import type { Message } from '../queue/queue.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage, StoredObject } from '../storage/storage.ts'
import { RACE_SECONDS, toBackoffSeconds } from '../protocol/backoff.ts'
import { deadLetterMessage, deadLetterUnowned, deadLetterUnreadable, type Received } from './dead-letter.ts'
import { toDeadError, toClaimDraft } from '../protocol/claim.ts'
import { decideTake, type JobPolicy, type TakeDecision } from '../protocol/decide.ts'
import type { Documents, Written } from './documents.ts'
import { type SeenDocument, type Source, toJobId } from '../vocabulary/job.ts'
import { isShared, type FaultReporter } from '../protocol/fault.ts'

export type IntakeDeps = {
  queues: Queues
  documents: Documents
  storage: Pick<Storage, 'head'>
  scope: NotificationScope
  limits: JobPolicy
  /** Name of this daemon. Each claim adds a random suffix to make a unique owner. */
  daemonName: string
  emit: Emit
  log: DaemonLog
}

/** The document of a claim, and the route of its source. */
export type Claimed = Written & { readonly route: Route }

/**
 * Handles a work message: claims its job and returns the claim, or deletes, postpones or dead-letters the message and
 * returns null. Never throws: a message that cannot be handled now becomes visible again later.
 *
 * INVARIANT: send before delete. A crash between two steps can leave a duplicate message, never a missing one.
 */
export type Intake = (message: Message, faults: FaultReporter) => Promise<Claimed | null>

/** Creates the intake of a daemon. */
export function createIntake(deps: IntakeDeps): Intake {
  return async (message, faults) => {
    try {
      const claimed = await take(deps, message)
      faults.reset('message')
      return claimed
    } catch (thrown) {
      const error = toMediadError(thrown, 'transient.queue')
      if (isShared(error)) faults.trip('message', error)
      await returnOrDeadLetter(deps, message, error)
      return null
    }
  }
}

async function take(deps: IntakeDeps, message: Message): Promise<Claimed | null> {
  const { queues, log } = deps
  const notification = parseNotification(message.body, deps.scope)
  if (notification.kind === 'invalid') return await deadLetterInvalid(deps, message, notification.reason)
  if (notification.kind === 'ignored') {
    log.debug({ event: 'message.ignored', reason: notification.reason, message: message.id }, 'message ignored')
    await queues.work.delete(message)
    return null
  }
  const { sources, invalidReason } = notification
  const [first, ...more] = sources
  if (first && more.length === 0 && invalidReason === undefined) return await takeSource(deps, message, first)
  for (const { source } of sources) await queues.sendSource(source)
  if (invalidReason !== undefined) return await deadLetterInvalid(deps, message, invalidReason)
  await queues.work.delete(message)
  return null
}

async function takeSource(deps: IntakeDeps, message: Message, routed: RoutedSource): Promise<Claimed | null> {
  const { queues, documents, limits } = deps
  const { source: received, route } = routed
  const { redrive: _, ...source } = received // neither the document nor the in-progress message has it
  const id = toJobId(source.bucket, source.key)
  const log = deps.log.child({ job: id })
  const seen = await documents.read(id)
  const decision = await verifyOrder(deps, source, { seen, decision: decideTake(received, seen, limits) })
  if (decision.do !== 'claim') logDecision(log, decision, source)
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
        await deadLetterUnowned(deps, toReceived(deps, message), { seen, error })
      }
      return null
    case 'claim': {
      const request = { id, source, previous: seen, claim: decision.claim, attempt: decision.attempt }
      const written = await claim(deps, message, request)
      return written && { ...written, route }
    }
  }
}

function logDecision(log: DaemonLog, decided: TakeDecision, { key }: Source): void {
  const decision = decided.do
  const why = 'why' in decided ? decided.why : undefined
  const seconds = 'seconds' in decided ? roundSeconds(decided.seconds) : undefined
  log.debug({ event: 'message.decided', decision, why, seconds, key }, `work message: ${decision}`)
}

type ClaimRequest = { id: string; source: Source; previous: SeenDocument | null; claim: number; attempt: number }

/** Sends the in-progress message, claims the job, deletes the work message: the job has a message at every moment. */
async function claim(deps: IntakeDeps, message: Message, request: ClaimRequest): Promise<Written | null> {
  const { queues, documents, limits } = deps
  const owner = `${deps.daemonName}/${randomUUID().slice(0, 8)}`
  await queues.sendInProgressMessage(
    { id: request.id, source: request.source, claim: request.claim, owner },
    limits.recheckSeconds,
  )
  const written = await documents.write(toClaimDraft({ ...request, owner }), request.previous)
  if (written === null) {
    await queues.work.hide(message, RACE_SECONDS)
    return null
  }
  emitTakeover(deps, request, written)
  try {
    await queues.work.delete(message)
  } catch (error) {
    // the job is claimed and has its in-progress message; the work message is a duplicate when it returns
    deps.log.warn(
      { event: 'message.delete_failed', error, job: request.id },
      'could not delete the work message of a claimed job',
    )
  }
  return written
}

/** Emits a takeover. The previous state of a new claim is `processing` only when the lease was stale. */
function emitTakeover({ emit }: IntakeDeps, { previous }: ClaimRequest, { document }: Written): void {
  if (previous?.document.state !== 'processing') return
  emit({ type: 'lease:taken_over', ...toJobFields(document), previousOwner: previous.document.owner })
}

type Decided = { seen: SeenDocument | null; decision: TakeDecision }

/** Checks a claim of a different upload of unknown order, without sequencers: the object in the bucket decides. */
async function verifyOrder(
  { storage }: IntakeDeps,
  source: Source,
  { seen, decision }: Decided,
): Promise<TakeDecision> {
  const known = seen?.document.source
  if (decision.do !== 'claim' || known === undefined || known.etag === source.etag) return decision
  if (known.sequencer !== undefined && source.sequencer !== undefined) return decision
  const current = await headSource(storage, source)
  return current?.etag === known.etag ? { do: 'delete', why: 'superseded' } : decision
}

/** Returns null also for an object that S3 cannot decrypt: the download then reports it as the error of its job. */
async function headSource(storage: Pick<Storage, 'head'>, { key }: Source): Promise<StoredObject | null> {
  try {
    return await storage.head(key)
  } catch (error) {
    if (error instanceof MediadError && error.code === 'input.key_unavailable') return null
    throw error
  }
}

const toReceived = ({ queues }: IntakeDeps, message: Message): Received => ({
  queue: queues.work,
  queueName: 'work',
  message,
})

/** Dead-letters a message that is not a notification, because it can never be processed. */
async function deadLetterInvalid(deps: IntakeDeps, message: Message, reason: string): Promise<null> {
  const error = new MediadError('message.invalid', reason)
  await deadLetterMessage(deps, toReceived(deps, message), error)
  return null
}

/** Dead-letters a message whose document stays unreadable. Returns any other message to the queue. */
async function returnOrDeadLetter(deps: IntakeDeps, message: Message, error: MediadError): Promise<void> {
  try {
    if (await deadLetterUnreadable(deps, toReceived(deps, message), error)) return
  } catch (deadError) {
    return returnToQueue(deps, message, toMediadError(deadError, 'transient.queue'))
  }
  await returnToQueue(deps, message, error)
}

async function returnToQueue({ queues, log }: IntakeDeps, message: Message, error: MediadError): Promise<void> {
  const pause = toBackoffSeconds(message.receiveCount, RACE_SECONDS)
  log.warn(
    { event: 'message.failed', error, message: message.id, retryInSeconds: pause },
    `message could not be processed; it becomes visible again in ${pause} s: ${error.message}`,
  )
  try {
    await queues.work.hide(message, pause)
  } catch (hideError) {
    log.debug(
      { event: 'message.hide_failed', error: hideError, message: message.id },
      `message becomes visible again when its visibility timeout ends: ${toMessage(hideError)}`,
    )
  }
}
