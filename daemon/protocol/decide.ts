import { isOlder, type JobDocument, type Source, type WorkSource } from '../vocabulary/job.ts'
import type { JobRecord } from './messages.ts'

/**
 * The protocol's decisions as pure functions of (message, document, age). Each table is read from the top, the first
 * rule that applies decides; `test/protocol` explores random schedules over these very tables and fails when any rule is
 * taken away.
 *
 * INVARIANT: every unfinished job has a work message, or a record whose claim is at least its document's.
 */

/** A job document as it was read. */
export type Seen = {
  readonly document: JobDocument
  /** Since S3 stored it, by S3's own clock. */
  readonly ageSeconds: number
}

export type Limits = {
  readonly attempts: number
  readonly leaseSeconds: number
  /** Pause before a record, or a message that has to wait for somebody else's job, is looked at again. */
  readonly recheckSeconds: number
}

/** What to do with a work message. `why` goes into the log. */
export type TakeDecision =
  | { readonly do: 'delete'; readonly why: 'superseded' | 'duplicate' }
  | { readonly do: 'postpone'; readonly why: 'owned' | 'backoff' | 'newer upload'; readonly seconds: number }
  | { readonly do: 'bury' }
  | { readonly do: 'claim'; readonly claim: number; readonly attempt: number }

/** What to do with a record. */
export type SweepDecision =
  | { readonly do: 'drop'; readonly why: 'obsolete' | 'finished' }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'bury' }
  | { readonly do: 'retry'; readonly why: 'claim never happened' | 'unfinished'; readonly delaySeconds: number }

type TakeRule = {
  readonly name: string
  readonly when: (source: WorkSource, seen: Seen, limits: Limits) => boolean
  readonly decide: (source: WorkSource, seen: Seen, limits: Limits) => TakeDecision
}

export const takeRules: readonly TakeRule[] = [
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
    decide: (_, seen, limits) => ({ do: 'postpone', why: 'owned', seconds: limits.leaseSeconds - seen.ageSeconds + 1 }),
  },
  {
    name: 'rejected or attempts used up',
    when: (source, { document }, limits) =>
      isSame(source, document) && document.state !== 'released' && isUsedUp(document, limits),
    decide: () => ({ do: 'bury' }),
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
]

type SweepRule = {
  readonly name: string
  readonly when: (record: JobRecord, seen: Seen | null, limits: Limits) => boolean
  readonly decide: (record: JobRecord, seen: Seen | null, limits: Limits) => SweepDecision
}

export const sweepRules: readonly SweepRule[] = [
  {
    // the owner may have died between its record and its claim, or may be about to claim: the source goes back either way
    name: 'claim never happened',
    when: (record, seen) => seen === null || seen.document.claim < record.claim,
    decide: () => ({ do: 'retry', why: 'claim never happened', delaySeconds: 0 }),
  },
  {
    // a later claim has a record of its own; a released job went back to the work queue before it was released
    name: 'obsolete',
    when: (record, seen) =>
      seen !== null && (seen.document.claim > record.claim || seen.document.owner !== record.owner),
    decide: () => ({ do: 'drop', why: 'obsolete' }),
  },
  {
    name: 'finished',
    when: (_, seen) => seen !== null && isFinished(seen.document),
    decide: () => ({ do: 'drop', why: 'finished' }),
  },
  {
    name: 'owned',
    when: (_, seen, limits) => seen !== null && isFresh(seen, limits),
    decide: (_, __, limits) => ({ do: 'wait', seconds: limits.recheckSeconds }),
  },
  {
    name: 'rejected or attempts used up',
    when: (_, seen, limits) => seen !== null && isUsedUp(seen.document, limits),
    decide: () => ({ do: 'bury' }),
  },
]

/** Steps 2 of taking a message: `seen` is null when there is no document yet. */
export function decideTake(
  source: WorkSource,
  seen: Seen | null,
  { rules = takeRules, ...limits }: Limits & { rules?: readonly TakeRule[] },
): TakeDecision {
  if (seen === null) return { do: 'claim', claim: 1, attempt: 1 }
  const rule = rules.find((candidate) => candidate.when(source, seen, limits))
  return (
    rule?.decide(source, seen, limits) ?? {
      do: 'claim',
      claim: seen.document.claim + 1,
      attempt: nextAttempt(source, seen.document),
    }
  )
}

/** What becomes of a record; what no rule keeps or drops is unfinished and nobody's: its source goes back to work. */
export function decideSweep(
  record: JobRecord,
  seen: Seen | null,
  { rules = sweepRules, ...limits }: Limits & { rules?: readonly SweepRule[] },
): SweepDecision {
  const rule = rules.find((candidate) => candidate.when(record, seen, limits))
  return (
    rule?.decide(record, seen, limits) ?? {
      do: 'retry',
      why: 'unfinished',
      delaySeconds: seen === null ? 0 : restOfBackoff(seen),
    }
  )
}

/** Whether the owner's lease counts as alive; later, anybody may claim. */
export function isFresh({ document, ageSeconds }: Seen, { leaseSeconds }: Limits): boolean {
  return document.state === 'processing' && ageSeconds <= leaseSeconds
}

export function isFinished(document: JobDocument): boolean {
  return document.state === 'succeeded' || document.state === 'dead'
}

function isUsedUp(document: JobDocument, { attempts }: Limits): boolean {
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
