import { isOlder, type JobDocument, type Source, type WorkSource } from '../vocabulary/job.ts'
import type { InProgressMessage } from './messages.ts'

/**
 * The protocol's decisions as pure functions of (message, document, age). Each table is read from the top, the first
 * rule that applies decides; `test/protocol` explores random schedules over these very tables and fails when any rule is
 * taken away.
 *
 * INVARIANT: every unfinished job has a work message, or an in-progress message whose claim is at least its document's.
 */

/** A job document as it was read. */
export type Seen = {
  readonly document: JobDocument
  /** Since S3 stored it, by S3's own clock. */
  readonly ageSeconds: number
}

export type JobPolicy = {
  readonly attempts: number
  readonly leaseSeconds: number
  /** Pause before an in-progress message, or a work message that has to wait for somebody else's job, is looked at again. */
  readonly recheckSeconds: number
}

/** What to do with a work message. `why` goes into the log. */
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

/** One row of a table. `seen` is null when there is no document. */
type Rule<Message, Decision, Found> = {
  readonly name: string
  readonly when: (message: Message, seen: Found, limits: JobPolicy) => boolean
  readonly decide: (message: Message, seen: Found, limits: JobPolicy) => Decision
}
type TakeRule = Rule<WorkSource, TakeDecision, Seen | null>
type SweepRule = Rule<InProgressMessage, SweepDecision, Seen | null>

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
      // only of the claim the operator saw dead: whatever else says so, or says it again, is a duplicate
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
      // never deleted: should the owner die, this message is one of the nets that catch the job
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
        isSame(source, document) && document.state !== 'released' && isUsedUp(document, limits),
      decide: () => ({ do: 'dead-letter' }),
    },
    {
      name: 'backoff',
      when: (source, seen) => isSame(source, seen.document) && restOfBackoff(seen) > 0,
      decide: (_, seen) => ({ do: 'postpone', why: 'backoff', seconds: restOfBackoff(seen) }),
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

/** The row "source gone" of the design is the sweeper's: it asks the bucket before it carries out `unfinished`. */
export const sweepRules: readonly SweepRule[] = [
  {
    // the owner may have died between its in-progress message and its claim, or be about to claim: the source goes back
    name: 'claim never happened',
    when: (message, seen) => seen === null || seen.document.claim < message.claim,
    decide: () => ({ do: 'retry', why: 'claim never happened', delaySeconds: 0 }),
  },
  ...toRules<InProgressMessage, SweepDecision>([
    {
      // a later claim has its own in-progress message; a released job went back to the work queue before it was released
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
      when: (_, { document }, limits) => isUsedUp(document, limits),
      decide: () => ({ do: 'dead-letter' }),
    },
    {
      // nobody's, with a stale lease or after a failure
      name: 'unfinished',
      when: () => true,
      decide: (_, seen) => ({ do: 'retry', why: 'unfinished', delaySeconds: restOfBackoff(seen) }),
    },
  ]),
]

/** Rules about a document that is there; none of them applies when there is none. */
function toRules<Message, Decision>(
  rules: readonly Rule<Message, Decision, Seen>[],
): Rule<Message, Decision, Seen | null>[] {
  return rules.map(({ name, when, decide }) => ({
    name,
    when: (message, seen, limits) => seen !== null && when(message, seen, limits),
    // `when` has seen to it that there is one
    decide: (message, seen, limits) => decide(message, seen as Seen, limits),
  }))
}

/** Step 2 of taking a message. */
export function decideTake(
  source: WorkSource,
  seen: Seen | null,
  { rules = takeRules, ...limits }: JobPolicy & { rules?: readonly TakeRule[] },
): TakeDecision {
  return findRule(rules, source, { seen, limits }).decide(source, seen, limits)
}

/** Decides about a due in-progress message. */
export function decideSweep(
  message: InProgressMessage,
  seen: Seen | null,
  { rules = sweepRules, ...limits }: JobPolicy & { rules?: readonly SweepRule[] },
): SweepDecision {
  return findRule(rules, message, { seen, limits }).decide(message, seen, limits)
}

/** Finds the first rule that applies. @throws Error when none does: the table has a hole */
function findRule<Message, Decision>(
  rules: readonly Rule<Message, Decision, Seen | null>[],
  message: Message,
  { seen, limits }: { seen: Seen | null; limits: JobPolicy },
): Rule<Message, Decision, Seen | null> {
  const found = rules.find(({ when }) => when(message, seen, limits))
  if (found === undefined)
    throw new Error(`no rule applies to a document that is ${seen?.document.state ?? 'not there'}`)
  return found
}

/** Whether the owner's lease counts as alive; later, anybody may claim. */
export function isFresh({ document, ageSeconds }: Seen, { leaseSeconds }: JobPolicy): boolean {
  return document.state === 'processing' && ageSeconds <= leaseSeconds
}

export function isFinished(document: JobDocument): boolean {
  return document.state === 'succeeded' || document.state === 'dead'
}

function isUsedUp(document: JobDocument, { attempts }: JobPolicy): boolean {
  return document.error?.verdict === 'reject' || document.attempt >= attempts
}

/** A release does not count as an attempt: the daemon stopped, the job did nothing wrong. */
function nextAttempt(source: Source, document: JobDocument): number {
  if (!isSame(source, document)) return 1
  return document.state === 'released' ? document.attempt : document.attempt + 1
}

function restOfBackoff({ document, ageSeconds }: Seen): number {
  return document.state === 'failed' ? Math.max(0, document.backoffSeconds - ageSeconds) : 0
}

const isSame = (source: Source, document: JobDocument): boolean => source.etag === document.source.etag
