import { isOlder, type JobDocument, type Source, type WorkSource } from '../vocabulary/job.ts'
import type { InProgressMessage } from './messages.ts'

/**
 * The decisions of the protocol, as pure functions of message, document and its age. In each table, the first rule that
 * applies decides. `test/protocol` runs random schedules with these tables, and checks that no rule can be removed.
 *
 * INVARIANT: every unfinished job has a work message, or an in-progress message with at least the document's claim.
 */

/** A job document as it was read. */
export type Seen = {
  readonly document: JobDocument
  /** Time since S3 stored it, by S3's clock. */
  readonly ageSeconds: number
}

/** The limits from `job` in the config. */
export type JobPolicy = {
  /** Number of attempts at one version of a source. */
  readonly attempts: number
  readonly leaseSeconds: number
  /** Pause before an in-progress message, or a work message that waits for another daemon's job, is checked again. */
  readonly recheckSeconds: number
}

/** What to do with a work message. `why` is logged. */
export type TakeDecision =
  | { readonly do: 'delete'; readonly why: 'superseded' | 'duplicate' }
  | { readonly do: 'postpone'; readonly why: 'owned' | 'backoff' | 'newer upload'; readonly seconds: number }
  | { readonly do: 'dead-letter' }
  | { readonly do: 'claim'; readonly claim: number; readonly attempt: number }

/** What to do with an in-progress message. */
export type SweepDecision =
  | { readonly do: 'drop'; readonly why: 'obsolete' | 'finished' }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'dead-letter' }
  | { readonly do: 'retry'; readonly why: 'claim never happened' | 'unfinished'; readonly delaySeconds: number }

/** One rule of a table. `seen` is null when there is no document. */
type Rule<Message, Decision, Found> = {
  readonly name: string
  readonly when: (message: Message, seen: Found, limits: JobPolicy) => boolean
  readonly decide: (message: Message, seen: Found, limits: JobPolicy) => Decision
}
type TakeRule = Rule<WorkSource, TakeDecision, Seen | null>
type SweepRule = Rule<InProgressMessage, SweepDecision, Seen | null>

/** The rules for a work message. */
export const takeRules: readonly TakeRule[] = [
  {
    name: 'no document',
    when: (_, seen) => seen === null,
    decide: () => ({ do: 'claim', claim: 1, attempt: 1 }),
  },
  ...toRules<WorkSource, TakeDecision>([
    {
      name: 'superseded',
      when: (source, { document }) => isOlder(source, document.source),
      decide: () => ({ do: 'delete', why: 'superseded' }),
    },
    {
      // only for the claim that the operator saw: a repeated redrive, or one of another claim, is a duplicate
      name: 'redriven',
      when: (source, { document }) =>
        isSame(source, document) && document.state === 'dead' && source.redrive === document.claim,
      decide: (_, { document }) => ({ do: 'claim', claim: document.claim + 1, attempt: 1 }),
    },
    {
      name: 'duplicate',
      when: (source, { document }) => isSame(source, document) && isFinished(document),
      decide: () => ({ do: 'delete', why: 'duplicate' }),
    },
    {
      // the message is kept: if the owner dies, it is one of the ways in which the job is found again
      name: 'owned',
      when: (source, seen, limits) => isSame(source, seen.document) && isFresh(seen, limits),
      decide: (_, { ageSeconds }, { leaseSeconds }) => ({
        do: 'postpone',
        why: 'owned',
        seconds: leaseSeconds - ageSeconds + 1,
      }),
    },
    {
      name: 'rejected or attempts used up',
      when: (source, { document }, limits) =>
        isSame(source, document) && document.state !== 'released' && isExhausted(document, limits),
      decide: () => ({ do: 'dead-letter' }),
    },
    {
      name: 'backoff',
      when: (source, seen) => isSame(source, seen.document) && remainingBackoff(seen) > 0,
      decide: (_, seen) => ({ do: 'postpone', why: 'backoff', seconds: remainingBackoff(seen) }),
    },
    {
      name: 'newer upload',
      when: (source, seen, limits) => !isSame(source, seen.document) && isFresh(seen, limits),
      decide: (_, __, limits) => ({ do: 'postpone', why: 'newer upload', seconds: limits.recheckSeconds }),
    },
    {
      name: 'anything else',
      when: () => true,
      decide: (source, { document }) => ({
        do: 'claim',
        claim: document.claim + 1,
        attempt: nextAttempt(source, document),
      }),
    },
  ]),
]

/**
 * The rules for a due in-progress message. Before it acts on `unfinished`, the sweeper checks that the source exists.
 */
export const sweepRules: readonly SweepRule[] = [
  {
    // the daemon died between its in-progress message and its claim, or is about to claim: the source is returned
    name: 'claim never happened',
    when: (message, seen) => seen === null || seen.document.claim < message.claim,
    decide: () => ({ do: 'retry', why: 'claim never happened', delaySeconds: 0 }),
  },
  ...toRules<InProgressMessage, SweepDecision>([
    {
      // a later claim has its own in-progress message, and a released job was returned to the work queue first
      name: 'obsolete',
      when: (message, { document }) => document.claim > message.claim || document.owner !== message.owner,
      decide: () => ({ do: 'drop', why: 'obsolete' }),
    },
    {
      name: 'finished',
      when: (_, { document }) => isFinished(document),
      decide: () => ({ do: 'drop', why: 'finished' }),
    },
    {
      name: 'owned',
      when: (_, seen, limits) => isFresh(seen, limits),
      decide: (_, __, limits) => ({ do: 'wait', seconds: limits.recheckSeconds }),
    },
    {
      name: 'rejected or attempts used up',
      when: (_, { document }, limits) => isExhausted(document, limits),
      decide: () => ({ do: 'dead-letter' }),
    },
    {
      // the lease is stale, or the attempt failed
      name: 'unfinished',
      when: () => true,
      decide: (_, seen) => ({ do: 'retry', why: 'unfinished', delaySeconds: remainingBackoff(seen) }),
    },
  ]),
]

/** Converts rules that need a document to rules that never apply without one. */
function toRules<Message, Decision>(
  rules: readonly Rule<Message, Decision, Seen>[],
): Rule<Message, Decision, Seen | null>[] {
  return rules.map(({ name, when, decide }) => ({
    name,
    when: (message, seen, limits) => seen !== null && when(message, seen, limits),
    // `when` guarantees that there is a document
    decide: (message, seen, limits) => decide(message, seen as Seen, limits),
  }))
}

/** Decides what to do with a work message. */
export function decideTake(
  source: WorkSource,
  seen: Seen | null,
  { rules = takeRules, ...limits }: JobPolicy & { rules?: readonly TakeRule[] },
): TakeDecision {
  return findRule(rules, source, { seen, limits }).decide(source, seen, limits)
}

/** Decides what to do with a due in-progress message. */
export function decideSweep(
  message: InProgressMessage,
  seen: Seen | null,
  { rules = sweepRules, ...limits }: JobPolicy & { rules?: readonly SweepRule[] },
): SweepDecision {
  return findRule(rules, message, { seen, limits }).decide(message, seen, limits)
}

/**
 * Returns the first rule that applies.
 *
 * @throws Error when the table has no such rule, which is a defect of the table
 */
function findRule<Message, Decision>(
  rules: readonly Rule<Message, Decision, Seen | null>[],
  message: Message,
  { seen, limits }: { seen: Seen | null; limits: JobPolicy },
): Rule<Message, Decision, Seen | null> {
  const found = rules.find(({ when }) => when(message, seen, limits))
  if (found === undefined)
    throw new Error(`no rule applies to ${seen ? `a document with the state ${seen.document.state}` : 'a new job'}`)
  return found
}

/** Returns whether the owner still holds the lease. Once it is stale, any daemon can claim the job. */
export function isFresh({ document, ageSeconds }: Seen, { leaseSeconds }: JobPolicy): boolean {
  return document.state === 'processing' && ageSeconds <= leaseSeconds
}

/** Returns whether the job needs no further attempt: it succeeded or is dead. */
export function isFinished(document: JobDocument): boolean {
  return document.state === 'succeeded' || document.state === 'dead'
}

function isExhausted(document: JobDocument, { attempts }: JobPolicy): boolean {
  return document.error?.verdict === 'reject' || document.attempt >= attempts
}

/** Returns the number of the next attempt. A released attempt does not count, because the job did not fail. */
function nextAttempt(source: Source, document: JobDocument): number {
  if (!isSame(source, document)) return 1
  return document.state === 'released' ? document.attempt : document.attempt + 1
}

function remainingBackoff({ document, ageSeconds }: Seen): number {
  return document.state === 'failed' ? Math.max(0, document.backoffSeconds - ageSeconds) : 0
}

const isSame = (source: Source, document: JobDocument): boolean => source.etag === document.source.etag
