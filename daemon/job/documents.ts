import { randomUUID } from 'node:crypto'
import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { toFittingDraft } from '../protocol/bounds.ts'
import { toRacePauseMs } from '../protocol/backoff.ts'
import type { Expected, Storage } from '../storage/storage.ts'
import { documentSchema, type DocumentDraft, type JobDocument, type SeenDocument } from '../vocabulary/job.ts'
import { parseJson } from '../vocabulary/validation.ts'

/** What a write goes over. `sentAt`, of a {@link Written}, says that the writer wrote that himself. */
export type Previous = Pick<SeenDocument, 'document' | 'etag'> & { readonly sentAt?: number }

export type Written = {
  readonly document: JobDocument
  readonly etag: string
  /** When the request was sent, by the clock that never jumps: what it confirms was true then. */
  readonly sentAt: number
}

export type Documents = {
  /** @throws MediadError `internal.document` for what is no document of this version, `transient.storage` */
  read(id: string, signal?: AbortSignal): Promise<SeenDocument | null>
  /**
   * One conditional write: over exactly `previous`, or a creation when it is null. Null when somebody else was faster.
   * @throws MediadError `transient.storage` when S3 gives no verdict; then nothing is known. Before anything is written:
   * `output.too_many`, `document.too_large`, and `internal.plugin` for a draft that could not be read back
   */
  write(draft: DocumentDraft, previous: Previous | null, signal?: AbortSignal): Promise<Written | null>
}

/** A write that S3 neither takes nor refuses is tried this often, with jittered pauses. */
const TRIES = 6
const MAX_PAUSE_MS = 1_000

/**
 * Job documents: one S3 object per job, written only under a condition.
 *
 * INVARIANT: every write has a nonce of its own, so no etag ever returns and a write can be recognised afterwards.
 * A refusal is no verdict: the SDK repeats a PUT whose reply was lost and then tells the winner 412. So after anything but
 * a plain success the document is read back, and its nonce decides. An owner's name is unique per claim: a document with
 * our claim and our owner is an earlier write of ours that arrived late, and the new one goes on top of it.
 */
export function createDocuments(parts: { storage: Storage; prefix: string; clock?: Clock }): Documents {
  const { storage, prefix, clock = systemClock } = parts
  const toKey = (id: string) => `${prefix}jobs/${id}.json`

  async function read(id: string, signal?: AbortSignal): Promise<SeenDocument | null> {
    const stored = await storage.readText(toKey(id), signal)
    return stored && { document: parseDocument(stored.text, id), etag: stored.etag, ageSeconds: stored.ageSeconds }
  }

  return {
    read,
    async write(draft, previous, signal) {
      const fitting = toFittingDraft(draft)
      const nonce = randomUUID()
      let expected: Expected = previous?.etag ?? null
      let rev = (previous?.document.rev ?? 0) + 1
      // of the first try: should that be the one that arrived, nothing later is confirmed
      const sentAt = clock.now()
      for (let attempt = 1; attempt <= TRIES; attempt++) {
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
        `S3 neither took nor refused the document of job ${draft.id} in ${TRIES} tries`,
      )
    },
  }
}

/** A heartbeat of the writer's own that was given up and arrived after all. Who only read the document has none. */
function isOurs({ document }: SeenDocument, draft: DocumentDraft, previous: Previous | null): boolean {
  if (previous?.sentAt === undefined || document.claim !== previous.document.claim) return false
  if (document.owner === null) return draft.owner === null && document.state === draft.state // our own end, repeated
  return document.owner === previous.document.owner
}

type WriteRequest = { key: string; document: JobDocument; expected: Expected; signal: AbortSignal | undefined }

async function attemptWrite(storage: Storage, { key, document, expected, signal }: WriteRequest) {
  try {
    return await storage.writeText(key, JSON.stringify(document), { expected, signal })
  } catch (error) {
    signal?.throwIfAborted()
    // no answer, or a 5xx: the write may have arrived, reading back tells
    if (error instanceof MediadError && error.code === 'transient.storage') return 'unsettled'
    throw error
  }
}

function parseDocument(text: string, id: string): JobDocument {
  const parsed = documentSchema.safeParse(parseJson(text))
  if (parsed.success && parsed.data.id === id) return parsed.data
  throw new MediadError(
    'internal.document',
    `the document of job ${id} is none of this version of mediad; nothing was changed. Look at it, and delete it to start over`,
  )
}
