import { randomUUID } from 'node:crypto'
import { roundSeconds } from '../vocabulary/clock.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toJobFields, type Emit } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { parseNotification, type NotificationScope, type RoutedSource } from '../protocol/notification.ts'
import type { Route } from '../protocol/route.ts'
import type { Message } from '../queue/queue.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
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
  /** This daemon's name; each claim makes an owner of its own of it. */
  daemonName: string
  emit: Emit
  log: DaemonLog
}

/** A claim's document, and the route of its source. */
export type Claimed = Written & { readonly route: Route }

/**
 * Takes a work message to where the job is ours and its in-progress message carries it, or settles the message otherwise.
 * Never throws: a message that cannot be settled now is hidden for a while and comes back.
 *
 * INVARIANT: send before delete. Whatever dies between two steps leaves a message too many, never one too few.
 */
export type Intake = (message: Message, faults: FaultReporter) => Promise<Claimed | null>

export function createIntake(deps: IntakeDeps): Intake {
  return async (message, faults) => {
    try {
      const claimed = await take(deps, message)
      faults.reset('message')
      return claimed
    } catch (thrown) {
      const error = toMediadError(thrown, 'transient.queue')
      if (isShared(error)) faults.trip('message', error)
      await putBackOrRefuse(deps, message, error)
      return null
    }
  }
}

async function take(deps: IntakeDeps, message: Message): Promise<Claimed | null> {
  const { queues, log } = deps
  const notification = parseNotification(message.body, deps.scope)
  if (notification.kind === 'invalid') return await refuse(deps, message, notification.reason)
  if (notification.kind === 'ignored') {
    log.debug({ event: 'message.ignored', reason: notification.reason, message: message.id }, 'message ignored')
    await queues.work.delete(message)
    return null
  }
  const [first, ...more] = notification.sources
  if (first && more.length === 0 && notification.broken === undefined) return await takeSource(deps, message, first)
  for (const { source } of notification.sources) await queues.sendSource(source)
  if (notification.broken !== undefined) return await refuse(deps, message, notification.broken)
  await queues.work.delete(message)
  return null
}

async function takeSource(deps: IntakeDeps, message: Message, routed: RoutedSource): Promise<Claimed | null> {
  const { queues, documents, limits } = deps
  const { source: named, route } = routed
  const { redrive: _, ...source } = named // belongs to the work message alone, not to the document or the in-progress message
  const id = toJobId(source.bucket, source.key)
  const log = deps.log.child({ job: id })
  const seen = await documents.read(id)
  const decision = await verified(deps, source, { seen, decision: decideTake(named, seen, limits) })
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
      const step = { id, source, previous: seen, claim: decision.claim, attempt: decision.attempt }
      const written = await claim(deps, message, step)
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

type ClaimStep = { id: string; source: Source; previous: SeenDocument | null; claim: number; attempt: number }

/** In-progress message, then claim, then delete: in every gap the job has a message. */
async function claim(deps: IntakeDeps, message: Message, step: ClaimStep): Promise<Written | null> {
  const { queues, documents, limits } = deps
  const owner = `${deps.daemonName}/${randomUUID().slice(0, 8)}`
  await queues.sendInProgressMessage(
    { id: step.id, source: step.source, claim: step.claim, owner },
    limits.recheckSeconds,
  )
  const written = await documents.write(toClaimDraft({ ...step, owner }), step.previous)
  if (written === null) {
    await queues.work.hide(message, RACE_SECONDS)
    return null
  }
  emitTakeover(deps, step, written)
  try {
    await queues.work.delete(message)
  } catch (error) {
    // the job is ours and its in-progress message carries it; the message comes back and finds it owned
    deps.log.warn(
      { event: 'message.delete_failed', error, job: step.id },
      'could not delete the message of a claimed job',
    )
  }
  return written
}

/** A document says `processing` when it is claimed anew only if its lease is stale. */
function emitTakeover({ emit }: IntakeDeps, { previous }: ClaimStep, { document }: Written): void {
  if (previous?.document.state !== 'processing') return
  emit({ type: 'lease:taken_over', ...toJobFields(document), previousOwner: previous.document.owner })
}

type Finding = { seen: SeenDocument | null; decision: TakeDecision }

/** Without sequencers the order of two uploads is unknown: the bucket knows which one counts. */
async function verified({ storage }: IntakeDeps, source: Source, { seen, decision }: Finding): Promise<TakeDecision> {
  const known = seen?.document.source
  if (decision.do !== 'claim' || known === undefined || known.etag === source.etag) return decision
  if (known.sequencer !== undefined && source.sequencer !== undefined) return decision
  const current = await storage.head(source.key)
  return current?.etag === known.etag ? { do: 'delete', why: 'superseded' } : decision
}

const toReceived = ({ queues }: IntakeDeps, message: Message): Received => ({
  queue: queues.work,
  queueName: 'work',
  message,
})

/** A body that is not a notification never becomes one. */
async function refuse(deps: IntakeDeps, message: Message, reason: string): Promise<null> {
  const error = new MediadError('message.invalid', reason)
  await deadLetterMessage(deps, toReceived(deps, message), error)
  return null
}

async function putBackOrRefuse(deps: IntakeDeps, message: Message, error: MediadError): Promise<void> {
  try {
    if (await deadLetterUnreadable(deps, toReceived(deps, message), error)) return
  } catch (deadError) {
    return putBack(deps, message, toMediadError(deadError, 'transient.queue'))
  }
  await putBack(deps, message, error)
}

async function putBack({ queues, log }: IntakeDeps, message: Message, error: MediadError): Promise<void> {
  const pause = toBackoffSeconds(message.receiveCount, RACE_SECONDS)
  log.warn(
    { event: 'message.failed', error, message: message.id, retryInSeconds: pause },
    `message could not be processed, it becomes visible again in ${pause} s: ${error.message}`,
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
