import { MediadError } from '../vocabulary/errors.ts'
import type { Documents } from '../job/documents.ts'
import type { JobState, SeenDocument } from '../vocabulary/job.ts'
import type { List, Listed } from '../storage/list.ts'
import { isIdPrefix, pickId, toShortIds } from './names.ts'

/** A job with its document, or the reason why the document cannot be read. */
export type JobEntry =
  | { readonly id: string; readonly seen: SeenDocument }
  | { readonly id: string; readonly problem: MediadError }

/** An entry of the list, with a prefix of its id that is unique among the ids of all jobs. */
export type ListedJob = JobEntry & { readonly shortId: string }

export type ListOptions = {
  /** Lists only jobs in this state. Documents that cannot be read are always listed. */
  state?: JobState
  /** Maximum number of entries. */
  limit: number
  signal?: AbortSignal
}

/** Reads job documents; it changes none. Every call can throw `transient.storage`. */
export type Jobs = {
  /** Yields the last written first. All keys are listed before the first document is read: S3 cannot sort by time. */
  list(options: ListOptions): AsyncGenerator<ListedJob, void>
  /** Lists the ids of all jobs that start with a prefix, the last written first. */
  listIds(prefix: string, signal?: AbortSignal): Promise<string[]>
  /** Finds a job by its id, a unique prefix of it, or its source's key; null if there is none. */
  find(name: string, signal?: AbortSignal): Promise<SeenDocument | null>
}

export type JobsDeps = { list: List; documents: Documents; bucket: string; statePrefix: string }

/** Number of documents read concurrently. */
const WIDTH = 8

export function createJobs({ list, documents, bucket, statePrefix }: JobsDeps): Jobs {
  const folder = `${statePrefix}jobs/`
  async function listIds(prefix: string, signal?: AbortSignal): Promise<string[]> {
    const objects: Listed[] = []
    for await (const page of list(folder + prefix, signal)) objects.push(...page)
    objects.sort((a, b) => b.modifiedAt.getTime() - a.modifiedAt.getTime())
    return objects.flatMap(({ key }) => /^([0-9a-f]{32})\.json$/.exec(key.slice(folder.length))?.[1] ?? [])
  }
  async function read(id: string, signal: AbortSignal | undefined): Promise<JobEntry | null> {
    try {
      const seen = await documents.read(id, signal)
      return seen && { id, seen }
    } catch (error) {
      if (isDocumentError(error)) return { id, problem: error }
      throw error
    }
  }
  return {
    async *list({ state, limit, signal }) {
      const ids = await listIds('', signal)
      const shorten = toShortIds(ids)
      let left = limit
      for (let from = 0; from < ids.length && left > 0; from += WIDTH) {
        // without a filter, reading more than the limit would be wasted
        const width = state === undefined ? Math.min(WIDTH, left) : WIDTH
        const entries = await Promise.all(ids.slice(from, from + width).map((id) => read(id, signal)))
        for (const entry of entries) {
          if (entry === null || left === 0 || !hasState(entry, state)) continue
          left--
          yield { ...entry, shortId: shorten(entry.id) }
        }
      }
    },
    listIds,
    async find(name, signal) {
      const ids = isIdPrefix(name) ? await listIds(name, signal) : []
      return await documents.read(pickId(name, { ids, bucket }), signal)
    },
  }
}

/** Returns whether one document is not a valid job document. Other documents can still be read. */
export function isDocumentError(error: unknown): error is MediadError {
  return error instanceof MediadError && error.code === 'internal.document'
}

function hasState(entry: JobEntry, state: JobState | undefined): boolean {
  return state === undefined || 'problem' in entry || entry.seen.document.state === state
}
