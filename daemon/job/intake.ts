import { randomUUID } from 'node:crypto'
import { roundSeconds } from '../vocabulary/clock.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toJobFields } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { parseNotification, type NotificationScope, type RoutedSource } from '../protocol/notification.ts'
import type { Route } from '../protocol/route.ts'
import type { Message } from '../queue/queue.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
import { toBackoffSeconds } from '../protocol/backoff.ts'
import { bury, type BuryParts } from './dead-letter.ts'
import { toBuryError, toClaimDraft } from '../protocol/claim.ts'
import { decideTake, type Limits, type TakeDecision } from '../protocol/decide.ts'
import type { Documents, Written } from './documents.ts'
import { type SeenDocument, type Source, toJobId } from '../vocabulary/job.ts'
import { isShared, type Trouble } from '../protocol/fault.ts'

export type IntakeParts = {
  queues: Queues
  documents: Documents
  storage: Pick<Storage, 'head'>
  scope: NotificationScope
  limits: Limits
  /** This daemon's name; each claim makes an owner of its own of it. */
  daemonName: string
  emit: BuryParts['emit']
  log: DaemonLog
}

/** A claim's document, and the route of its source. */
export type Claimed = Written & { readonly route: Route }

/**
 * Takes a work message to where the job is ours and its record carries it, or settles the message otherwise.
 * Never throws: a message that cannot be settled now is hidden for a while and comes back.
 *
 * INVARIANT: send before delete. Whatever dies between two steps leaves a message too many, never one too few.
 */
export type Intake = (message: Message, trouble: Trouble) => Promise<Claimed | null>

/** Pause before a message is looked at again whose document changed under our hands. */
const RACE_SECONDS = 1

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

async function take(parts: IntakeParts, message: Message): Promise<Claimed | null> {
  const { queues, log } = parts
  const notification = parseNotification(message.body, parts.scope)
  if (notification.kind === 'invalid') return await refuse(parts, message, notification.reason)
  if (notification.kind === 'ignored') {
    log.debug({ event: 'message.ignored', reason: notification.reason, message: message.id }, 'message ignored')
    await queues.work.delete(message)
    return null
  }
  const [first, ...more] = notification.sources
  if (first && more.length === 0 && notification.broken === undefined) return await takeSource(parts, message, first)
  for (const { source } of notification.sources) await queues.sendSource(source)
  if (notification.broken !== undefined) return await refuse(parts, message, notification.broken)
  await queues.work.delete(message)
  return null
}

async function takeSource(parts: IntakeParts, message: Message, routed: RoutedSource): Promise<Claimed | null> {
  const { queues, documents, limits } = parts
  const { source: named, route } = routed
  const { redrive: _, ...source } = named // that is the message's, and no part of what a document or a record keeps
  const id = toJobId(source.bucket, source.key)
  const log = parts.log.child({ job: id })
  const seen = await documents.read(id)
  const decision = await verified(parts, source, { seen, decision: decideTake(named, seen, limits) })
  if (decision.do !== 'claim') logDecision(log, decision, source)
  switch (decision.do) {
    case 'delete':
      await queues.work.delete(message)
      return null
    case 'postpone':
      await queues.work.hide(message, decision.seconds)
      return null
    case 'bury':
      if (seen && (await bury(parts, seen, toBuryError(seen.document, limits.attempts))))
        await queues.work.delete(message)
      else await queues.work.hide(message, RACE_SECONDS)
      return null
    case 'claim': {
      const step = { id, source, previous: seen, claim: decision.claim, attempt: decision.attempt }
      const written = await claim(parts, message, step)
      return written && { ...written, route }
    }
  }
}

function logDecision(log: DaemonLog, decision: TakeDecision, { key }: Source): void {
  const why = 'why' in decision ? decision.why : undefined
  const seconds = 'seconds' in decision ? roundSeconds(decision.seconds) : undefined
  log.debug({ event: 'message.decided', decision: decision.do, why, seconds, key }, `message: ${decision.do}`)
}

type ClaimStep = { id: string; source: Source; previous: SeenDocument | null; claim: number; attempt: number }

/** Record, then claim, then delete: in every gap the job has a message. */
async function claim(parts: IntakeParts, message: Message, step: ClaimStep): Promise<Written | null> {
  const { queues, documents, limits } = parts
  const owner = `${parts.daemonName}/${randomUUID().slice(0, 8)}`
  await queues.sendRecord({ id: step.id, source: step.source, claim: step.claim, owner }, limits.recheckSeconds)
  const written = await documents.write(toClaimDraft({ ...step, owner }), step.previous)
  if (written === null) {
    await queues.work.hide(message, RACE_SECONDS)
    return null
  }
  emitTakeover(parts, step, written)
  try {
    await queues.work.delete(message)
  } catch (error) {
    // the job is ours and its record carries it; the message comes back and finds it owned
    parts.log.warn(
      { event: 'message.delete_failed', error, job: step.id },
      'could not delete the message of a claimed job',
    )
  }
  return written
}

/** A document says `processing` when it is claimed anew only if its lease is stale. */
function emitTakeover({ emit }: IntakeParts, { previous }: ClaimStep, { document }: Written): void {
  if (previous?.document.state !== 'processing') return
  emit({ type: 'lease:taken_over', ...toJobFields(document), previousOwner: previous.document.owner })
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

/** What is no notification will never be one: to the dead queue, with the reason. */
async function refuse(parts: IntakeParts, message: Message, reason: string): Promise<null> {
  await toDead(parts, message, new MediadError('message.invalid', reason))
  return null
}

async function toDead({ queues, emit, log }: IntakeParts, message: Message, invalid: MediadError): Promise<void> {
  const { code, message: reason } = invalid
  log.error(
    { event: 'message.dead_lettered', error: invalid, message: message.id, queue: 'work' },
    `message dead-lettered: ${reason}`,
  )
  const error = { code, message: reason, verdict: 'reject' } as const
  await queues.sendDead({ reason: code, error, at: new Date().toISOString(), body: message.body })
  await queues.work.delete(message)
  emit({ type: 'message:dead_lettered', queue: 'work', message: message.id, error })
}

/** A document that cannot be read may be a newer daemon's: it gets time, but not for ever. */
const MAX_UNREADABLE = 10

async function putBackOrRefuse(parts: IntakeParts, message: Message, error: MediadError): Promise<void> {
  if (error.code !== 'internal.document' || message.receiveCount < MAX_UNREADABLE) return putBack(parts, message, error)
  try {
    await toDead(parts, message, error)
  } catch (deadError) {
    await putBack(parts, message, toMediadError(deadError, 'transient.queue'))
  }
}

async function putBack({ queues, log }: IntakeParts, message: Message, error: MediadError): Promise<void> {
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
