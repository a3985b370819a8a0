import type { DocumentDraft, JobDocument, JobError, PastAttempt, SeenDocument, Source } from '../vocabulary/job.ts'
import { isFinished } from './decide.ts'

/** Keeps a dead message far below SQS's size limit. */
const MAX_HISTORY = 20

export type ClaimRequest = {
  id: string
  source: Source
  previous: SeenDocument | null
  claim: number
  attempt: number
  owner: string
}

/** Returns the document that a claim writes. It keeps the history and the identity when the version of the source is the same. */
export function toClaimDraft({ id, source, previous, claim, attempt, owner }: ClaimRequest): DocumentDraft {
  const same = previous?.document.source.etag === source.etag ? previous.document : null
  return {
    version: 1,
    id,
    source,
    ...(same?.identity !== undefined && { identity: same.identity }),
    state: 'processing',
    claim,
    attempt,
    owner,
    progress: { plugin: null, percent: 0 },
    outputs: [],
    error: null,
    backoffSeconds: 0,
    timings: { startedAt: new Date().toISOString(), endedAt: null, plugins: [] },
    history: same ? toHistory(same) : [],
  }
}

/** Returns the document of a dead job. Its history includes the last attempt. */
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

/** Returns the error for dead-lettering a job that no daemon owns. */
export function toDeadError(document: JobDocument, attempts: number): JobError {
  return document.error ?? toCrashed(document, `attempt ${document.attempt} of ${attempts}`)
}

/** Names the plugin of the last progress: it can be the cause, for example by blocking the event loop. */
function toCrashed({ progress: { plugin } }: JobDocument, attempt: string): JobError {
  const message = `${attempt} ended without a result: its daemon died or lost the lease`
  return { code: 'internal.crashed', message, verdict: 'retry', ...(plugin !== null && { plugin }) }
}

/** Returns all failed attempts, including the current one of the document. */
function toHistory(document: JobDocument): PastAttempt[] {
  if (isFinished(document) || document.state === 'released') return [...document.history]
  const past: PastAttempt = {
    attempt: document.attempt,
    claim: document.claim,
    owner: document.owner ?? '',
    startedAt: document.timings.startedAt,
    endedAt: document.timings.endedAt ?? new Date().toISOString(),
    error: document.error ?? toCrashed(document, 'the attempt'),
  }
  return [...document.history, past].slice(-MAX_HISTORY)
}
