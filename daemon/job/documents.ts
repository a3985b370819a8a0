import { randomUUID } from 'node:crypto'
import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { toFittingDraft } from '../protocol/bounds.ts'
import { toRacePauseMs } from '../protocol/backoff.ts'
import type { Expected, Storage, StoredText } from '../storage/storage.ts'
import { documentSchema, type DocumentDraft, type JobDocument, type SeenDocument } from '../vocabulary/job.ts'
import { parseJson } from '../vocabulary/validation/validation.ts'

/** The document that a write replaces. `sentAt` is set when the writer wrote it, as in {@link Written}. */
export type Previous = Pick<SeenDocument, 'document' | 'etag'> & { readonly sentAt?: number }

/** A document as it was written. */
export type Written = {
  readonly document: JobDocument
  readonly etag: string
  /** Time by the monotonic clock at which the request was sent. The lease counts from it. */
  readonly sentAt: number
}

/** Access to job documents. */
export type Documents = {
  /**
   * Reads the document of a job; null when there is none.
   *
   * @throws MediadError `internal.document` for an object that is not a document of this version, `transient.storage`
   */
  read(id: string, signal?: AbortSignal): Promise<SeenDocument | null>
  /** Reads the document unless it still has the etag `known`. Throws like {@link Documents.read}. */
  readIfChanged(id: string, known: string, signal?: AbortSignal): Promise<SeenDocument | null | 'unchanged'>
  /**
   * Writes conditionally: replaces exactly `previous`, or creates the document when `previous` is null. Returns null
   * when another writer was faster.
   *
   * @throws MediadError `transient.storage` when the outcome is unknown. Before anything is written: `output.too_many`,
   * `document.too_large`, and `internal.plugin` for a draft that does not match the schema
   */
  write(draft: DocumentDraft, previous: Previous | null, signal?: AbortSignal): Promise<Written | null>
}

/** Number of tries of a write whose outcome is unknown. */
const MAX_TRIES = 6
const MAX_PAUSE_MS = 1_000

/**
 * Creates the access to job documents: one S3 object per job, written only conditionally.
 *
 * INVARIANT: every write has its own nonce, so no etag ever repeats, and a write can be recognized later. A 412 does
 * not mean that the write was lost: the SDK repeats a PUT whose response was lost, and then the successful writer gets
 * the 412. So after anything but a plain success the document is read, and its nonce decides. The name of an owner is
 * unique per claim: a document with the writer's claim and owner is an earlier write of the same writer that arrived
 * late, and the new write replaces it.
 */
export function createDocuments(deps: { storage: Storage; prefix: string; clock?: Clock }): Documents {
  const { storage, prefix, clock = systemClock } = deps
  const toKey = (id: string) => `${prefix}jobs/${id}.json`

  async function read(id: string, signal?: AbortSignal): Promise<SeenDocument | null> {
    const stored = await storage.readText(toKey(id), signal)
    return stored && toSeen(stored, id)
  }

  return {
    read,
    async readIfChanged(id, known, signal) {
      const stored = await storage.readIfChanged(toKey(id), known, signal)
      return typeof stored === 'string' ? stored : stored && toSeen(stored, id)
    },
    async write(draft, previous, signal) {
      const fitting = toFittingDraft(draft)
      const nonce = randomUUID()
      let expected: Expected = previous?.etag ?? null
      let rev = (previous?.document.rev ?? 0) + 1
      // the time of the first try, because that may be the one that took effect
      const sentAt = clock.now()
      for (let attempt = 1; attempt <= MAX_TRIES; attempt++) {
        const document: JobDocument = { ...fitting, rev, nonce }
        const outcome = await attemptWrite(storage, { key: toKey(draft.id), document, expected, signal })
        if (typeof outcome === 'object') return { document, etag: outcome.etag, sentAt }
        const seen = await read(draft.id, signal)
        if (seen?.document.nonce === nonce) return { document: seen.document, etag: seen.etag, sentAt }
        if (seen && isOurs(seen, draft, previous)) [expected, rev] = [seen.etag, seen.document.rev + 1]
        else if ((seen?.etag ?? null) !== expected) return null
        await clock.wait(toRacePauseMs(attempt, MAX_PAUSE_MS), signal)
        signal?.throwIfAborted()
      }
      throw new MediadError(
        'transient.storage',
        `S3 neither accepted nor rejected the document of job ${draft.id} in ${MAX_TRIES} tries`,
      )
    },
  }
}

/** Returns whether the document is an earlier write of this owner that timed out and took effect later. */
function isOurs({ document }: SeenDocument, draft: DocumentDraft, previous: Previous | null): boolean {
  if (previous?.sentAt === undefined || document.claim !== previous.document.claim) return false
  if (document.owner === null) return draft.owner === null && document.state === draft.state // a repeated final write
  return document.owner === previous.document.owner
}

type WriteRequest = { key: string; document: JobDocument; expected: Expected; signal: AbortSignal | undefined }

async function attemptWrite(storage: Storage, { key, document, expected, signal }: WriteRequest) {
  try {
    return await storage.writeText(key, JSON.stringify(document), { expected, signal })
  } catch (error) {
    signal?.throwIfAborted()
    // no response, or a 5xx: the write may have taken effect, which reading the document shows
    if (error instanceof MediadError && error.code === 'transient.storage') return 'unsettled'
    throw error
  }
}

function toSeen({ text, etag, ageSeconds }: StoredText, id: string): SeenDocument {
  return { document: parseDocument(text, id), etag, ageSeconds }
}

function parseDocument(text: string, id: string): JobDocument {
  const parsed = documentSchema.safeParse(parseJson(text))
  if (parsed.success && parsed.data.id === id) return parsed.data
  throw new MediadError(
    'internal.document',
    `the document of job ${id} is not valid for this version of mediad and was not changed. Delete it to start over`,
  )
}
