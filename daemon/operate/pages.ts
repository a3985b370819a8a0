import { systemClock, type Clock } from '../vocabulary/clock.ts'
import type { Documents } from '../job/documents.ts'
import { indexEntry, toEntryName, toVersion, type JobIndex } from '../job/job-index.ts'
import type { List } from '../storage/list.ts'
import type { Identity } from '../vocabulary/identity.ts'
import type { JobDocument } from '../vocabulary/job.ts'
import { isDocumentError } from './jobs.ts'

export type PagesDeps = {
  list: List
  documents: Pick<Documents, 'read'>
  index: Pick<JobIndex, 'list'>
  statePrefix: string
  clock?: Clock
}

export type JobPages = {
  /**
   * Reads a page of jobs, the newest first: those of an identity by the time of their upload, or all by the time of the last
   * write to their documents. A page begins after a job, not at a number, so jobs that are added in the meantime move none.
   * A page has fewer jobs than `limit` after many documents that were deleted.
   *
   * @throws MediadError `transient.storage`
   */
  read(
    identity: Identity | null,
    request: { limit: number; cursor: string | null },
  ): Promise<PageRead | 'invalid_cursor' | 'too_many'>
}

/** Jobs, and the cursor of the next page; null after the last job. */
export type PageRead = { readonly jobs: readonly JobDocument[]; readonly cursor: string | null }

/** Number of documents read concurrently. */
const WIDTH = 16
/** Entries without a current job that one page skips. */
const MAX_SKIPPED = 200
/** The names of all documents are shared by the requests of this time. */
const CACHE_MS = 5_000
/** Listing them takes 100 requests. */
const MAX_DOCUMENTS = 100_000

export function createPages({ list, documents, index, statePrefix, clock = systemClock }: PagesDeps): JobPages {
  const readAll = createCached(() => listDocuments(list, `${statePrefix}jobs/`), clock)
  return {
    async read(identity, { limit, cursor }) {
      const after = cursor === null ? '' : parseCursor(cursor, identity === null ? documentName : indexEntry)
      if (after === null) return 'invalid_cursor'
      const all = identity === null ? await readAll() : []
      if (all === null) return 'too_many'
      const names =
        identity === null
          ? toGenerator(all.filter((name) => name > after))
          : index.list(identity.id, { after, pageSize: limit + 1 })
      return await readPage(names, limit, async (name) => {
        const document = await readOrNull(documents, name.slice(14, 46))
        return document !== null && isCurrent(document, name, identity) ? document : null
      })
    },
  }
}

/** The name of a document in the list of all: inverted time of the last write, id of the job. */
const documentName = /^\d{13}-[0-9a-f]{32}$/

/** Returns whether the entry of an index is for the version of the source that the document has. */
function isCurrent({ source, identity: owner }: JobDocument, name: string, identity: Identity | null): boolean {
  if (identity === null) return true
  return name.endsWith(`-${toVersion(source)}`) && (owner === undefined || owner === identity.id)
}

async function readPage(
  names: AsyncGenerator<string, void>,
  limit: number,
  readJob: (name: string) => Promise<JobDocument | null>,
): Promise<PageRead> {
  const jobs: JobDocument[] = []
  let skipped = 0
  let last = ''
  while (jobs.length < limit && skipped <= MAX_SKIPPED) {
    const batch = await take(names, Math.min(WIDTH, limit - jobs.length))
    if (batch.length === 0) return { jobs, cursor: null }
    last = batch.at(-1) ?? last
    const found = (await Promise.all(batch.map(readJob))).filter((job) => job !== null)
    jobs.push(...found)
    skipped += batch.length - found.length
  }
  const { done } = await names.next()
  return { jobs, cursor: done ? null : toCursor(last) }
}

async function take(names: AsyncGenerator<string, void>, count: number): Promise<string[]> {
  const taken: string[] = []
  while (taken.length < count) {
    const next = await names.next()
    if (next.done) break
    taken.push(next.value)
  }
  return taken
}

async function* toGenerator(names: readonly string[]): AsyncGenerator<string, void> {
  yield* names
}

/** Returns the names of all documents in order; null if they are too many to sort them. */
async function listDocuments(list: List, folder: string): Promise<string[] | null> {
  const names: string[] = []
  for await (const page of list(folder)) {
    for (const { key, modifiedAt } of page) {
      const id = /^([0-9a-f]{32})\.json$/.exec(key.slice(folder.length))?.[1]
      if (id !== undefined) names.push(toEntryName(modifiedAt, id))
    }
    if (names.length > MAX_DOCUMENTS) return null
  }
  return names.toSorted()
}

/** Returns a function that shares a result, also one that is being read, for a few seconds. */
function createCached<T>(read: () => Promise<T>, clock: Clock): () => Promise<T> {
  let until = Number.NEGATIVE_INFINITY
  let result: Promise<T> | null = null
  return async () => {
    if (result !== null && clock.now() < until) return await result
    until = clock.now() + CACHE_MS
    const reading = read()
    result = reading
    try {
      return await reading
    } catch (error) {
      if (result === reading) result = null
      throw error
    }
  }
}

async function readOrNull(documents: Pick<Documents, 'read'>, id: string): Promise<JobDocument | null> {
  try {
    return (await documents.read(id))?.document ?? null
  } catch (error) {
    if (isDocumentError(error)) return null
    throw error
  }
}

function toCursor(name: string): string {
  return Buffer.from(name).toString('base64url')
}

function parseCursor(cursor: string, form: RegExp): string | null {
  const name = Buffer.from(cursor, 'base64url').toString('latin1')
  return form.test(name) ? name : null
}
