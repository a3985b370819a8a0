import { MediadError } from '../vocabulary/errors.ts'
import type { Documents } from '../job/documents.ts'
import { type JobState, type SeenDocument, toJobId } from '../vocabulary/job.ts'
import type { List, Listed } from '../storage/list.ts'

/** A job as its document says it, or why that cannot be read. */
export type JobEntry =
  | { readonly id: string; readonly seen: SeenDocument }
  | { readonly id: string; readonly problem: MediadError }

export type ListOptions = {
  /** Of this state alone; what cannot be read is always told. */
  state?: JobState
  /** At most so many. */
  limit: number
  signal?: AbortSignal
}

/** Looks at job documents, and changes none. Every call may throw `transient.storage`. */
export type Jobs = {
  /** Last written first. All keys are listed before the first document is read: S3 has no order of times. */
  list(options: ListOptions): AsyncGenerator<JobEntry, void>
  /** By a job's id or a source's key; null when there is no such job. */
  find(name: string, signal?: AbortSignal): Promise<SeenDocument | null>
}

export type JobsDeps = { list: List; documents: Documents; bucket: string; statePrefix: string }

/** Documents that are read at once. */
const WIDTH = 8

export function createJobs({ list, documents, bucket, statePrefix }: JobsDeps): Jobs {
  const folder = `${statePrefix}jobs/`
  async function read(id: string, signal: AbortSignal | undefined): Promise<JobEntry | null> {
    try {
      const seen = await documents.read(id, signal)
      return seen && { id, seen }
    } catch (error) {
      if (isForeign(error)) return { id, problem: error }
      throw error
    }
  }
  return {
    async *list({ state, limit, signal }) {
      const ids = await listIds(list, folder, signal)
      let left = limit
      for (let from = 0; from < ids.length && left > 0; from += WIDTH) {
        // no wider than what is wanted: the rest would be read for nothing
        const width = state === undefined ? Math.min(WIDTH, left) : WIDTH
        const entries = await Promise.all(ids.slice(from, from + width).map((id) => read(id, signal)))
        for (const entry of entries) {
          if (entry === null || left === 0 || !isOf(entry, state)) continue
          left--
          yield entry
        }
      }
    },
    find: (name, signal) => documents.read(toId(bucket, name), signal),
  }
}

/** A job's id as it is; anything else is taken for a source's key. */
export function toId(bucket: string, name: string): string {
  return /^[0-9a-f]{32}$/.test(name) ? name : toJobId(bucket, name)
}

/** Whether it says that one document is none of ours; other documents may be read all the same. */
export function isForeign(error: unknown): error is MediadError {
  return error instanceof MediadError && error.code === 'internal.document'
}

async function listIds(list: List, folder: string, signal: AbortSignal | undefined): Promise<string[]> {
  const found: Listed[] = []
  for await (const page of list(folder, signal)) found.push(...page)
  found.sort((a, b) => b.modifiedAt.getTime() - a.modifiedAt.getTime())
  return found.flatMap(({ key }) => /^([0-9a-f]{32})\.json$/.exec(key.slice(folder.length))?.[1] ?? [])
}

function isOf(entry: JobEntry, state: JobState | undefined): boolean {
  return state === undefined || 'problem' in entry || entry.seen.document.state === state
}
