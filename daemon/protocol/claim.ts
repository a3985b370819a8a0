import type { DocumentDraft, JobDocument, JobError, PastAttempt, SeenDocument, Source } from '../vocabulary/job.ts'
import { isFinished } from './decide.ts'

/** A dead message stays far below SQS's limit with this many. */
const MAX_HISTORY = 20

export type ClaimRequest = {
  id: string
  source: Source
  previous: SeenDocument | null
  claim: number
  attempt: number
  owner: string
}

/** The document a claim writes. The history of earlier attempts goes along for as long as the source is the same version. */
export function toClaimDraft({ id, source, previous, claim, attempt, owner }: ClaimRequest): DocumentDraft {
  return {
    version: 1,
    id,
    source,
    state: 'processing',
    claim,
    attempt,
    owner,
    progress: { plugin: null, percent: 0 },
    outputs: [],
    error: null,
    backoffSeconds: 0,
    timings: { startedAt: new Date().toISOString(), endedAt: null, plugins: [] },
    history: previous?.document.source.etag === source.etag ? toHistory(previous.document) : [],
  }
}

/** The document that says a job is over for good, with the attempt that ended it in its history. */
export function toDeadDraft(document: JobDocument, error: JobError): DocumentDraft {
  const { rev: _, nonce: __, ...draft } = document
  const endedAt = new Date().toISOString()
  const ended = { ...draft, error, timings: { ...draft.timings, endedAt } }
  return {
    ...ended,
    state: 'dead',
    owner: null,
    backoffSeconds: 0,
    history: toHistory(document.state === 'failed' ? document : { ...document, ...ended, state: 'failed' }),
  }
}

/** Why a job is buried that nobody is working on. */
export function toBuryError(document: JobDocument, attempts: number): JobError {
  if (document.error) return document.error
  return {
    code: 'internal.crashed',
    message: `attempt ${document.attempt} of ${attempts} ended without a word: the daemon died, or lost its lease`,
    verdict: 'retry',
  }
}

/** All attempts that ended badly, the document's own included. */
function toHistory(document: JobDocument): PastAttempt[] {
  if (isFinished(document) || document.state === 'released') return [...document.history]
  const past: PastAttempt = {
    attempt: document.attempt,
    claim: document.claim,
    owner: document.owner ?? '',
    startedAt: document.timings.startedAt,
    endedAt: document.timings.endedAt ?? new Date().toISOString(),
    error: document.error ?? {
      code: 'internal.crashed',
      message: 'the attempt ended without a word',
      verdict: 'retry',
    },
  }
  return [...document.history, past].slice(-MAX_HISTORY)
}
