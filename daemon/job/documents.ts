import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'
import type { Expected, Storage } from '../storage/storage.ts'
import type { DocumentDraft, JobDocument, SeenDocument } from '../vocabulary/job.ts'

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
   * @throws MediadError `transient.storage` when S3 gives no verdict; then nothing is known
   */
  write(draft: DocumentDraft, previous: Previous | null, signal?: AbortSignal): Promise<Written | null>
}

/** A write that S3 neither takes nor refuses is tried this often, with jittered pauses. */
const TRIES = 6
const PAUSE_MS = 150

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
      const nonce = randomUUID()
      let expected: Expected = previous?.etag ?? null
      let rev = (previous?.document.rev ?? 0) + 1
      // of the first try: should that be the one that arrived, nothing later is confirmed
      const sentAt = clock.now()
      for (let attempt = 1; attempt <= TRIES; attempt++) {
        const document: JobDocument = { ...draft, rev, nonce }
        const outcome = await attemptWrite(storage, { key: toKey(draft.id), document, expected, signal })
        if (typeof outcome === 'object') return { document, etag: outcome.etag, sentAt }
        const seen = await read(draft.id, signal)
        if (seen?.document.nonce === nonce) return { document: seen.document, etag: seen.etag, sentAt }
        if (seen && isOurs(seen, draft, previous)) [expected, rev] = [seen.etag, seen.document.rev + 1]
        else if ((seen?.etag ?? null) !== expected) return null
        await clock.wait(PAUSE_MS * attempt * Math.random(), signal)
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

const source = z.object({
  bucket: z.string(),
  key: z.string(),
  etag: z.string(),
  sizeBytes: z.number(),
  sequencer: z.string().optional(),
})

const schema = z.object({
  version: z.literal(1),
  id: z.string(),
  source,
  state: z.enum(['processing', 'failed', 'released', 'succeeded', 'dead']),
  claim: z.int().min(1),
  attempt: z.int().min(1),
  owner: z.string().nullable(),
  rev: z.int().min(1),
  nonce: z.string(),
  progress: z.object({ plugin: z.string().nullable(), percent: z.number() }),
  outputs: z.array(z.looseObject({ key: z.string() })),
  media: z.looseObject({}).exactOptional(),
  warnings: z.array(z.looseObject({ message: z.string() })).exactOptional(),
  error: z.looseObject({ code: z.string(), verdict: z.enum(['retry', 'reject', 'release']) }).nullable(),
  backoffSeconds: z.number().min(0),
  timings: z.looseObject({ startedAt: z.string() }),
  history: z.array(z.looseObject({ attempt: z.number() })),
})

function parseDocument(text: string, id: string): JobDocument {
  const parsed = schema.safeParse(parseJson(text))
  // the schema checks what decisions rest on; the rest is our own writing
  if (parsed.success && parsed.data.id === id) return parsed.data as unknown as JobDocument
  throw new MediadError(
    'internal.document',
    `the document of job ${id} is none of this version of mediad; nothing was changed. Look at it, and delete it to start over`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
