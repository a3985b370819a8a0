import { createHash } from 'node:crypto'
import type { JobDocument, Source } from '../vocabulary/job.ts'
import type { List } from '../storage/list.ts'
import type { Storage } from '../storage/storage.ts'

/**
 * The jobs of each identity, as empty objects under `<state prefix>identities/`: S3 lists keys in order, and the name of an
 * entry begins with the inverted time of the upload, so the newest job is the first.
 */
export type JobIndex = {
  /** Adds the job of a document with an identity. Adding it again, in a later attempt, changes nothing. */
  add(job: Pick<JobDocument, 'id' | 'source'>, by: { identity: string; uploadedAt: Date }): Promise<void>
  /** Yields the names of an identity's entries after a name, in order. */
  list(identity: string, options: { after: string; pageSize: number }): AsyncGenerator<string, void>
}

export type JobIndexDeps = { storage: Pick<Storage, 'writeText'>; list: List; statePrefix: string }

export function createJobIndex({ storage, list, statePrefix }: JobIndexDeps): JobIndex {
  const toFolder = (identity: string) =>
    `${statePrefix}identities/${createHash('sha256').update(identity).digest('hex')}/`
  return {
    async add({ id, source }, { identity, uploadedAt }) {
      const key = `${toFolder(identity)}${toEntryName(uploadedAt, id)}-${toVersion(source)}`
      // an entry that exists is the same one
      await storage.writeText(key, '{}', { expected: null })
    },
    async *list(identity, { after, pageSize }) {
      const folder = toFolder(identity)
      const options = { pageSize, ...(after !== '' && { after: folder + after }) }
      for await (const page of list(folder, undefined, options))
        for (const { key } of page) {
          const name = key.slice(folder.length)
          if (indexEntry.test(name)) yield name
        }
    },
  }
}

/** The name of an entry: inverted time, id of the job, version of its source. */
export const indexEntry = /^\d{13}-[0-9a-f]{32}-[0-9a-f]{8}$/

const LAST_MS = 9_999_999_999_999

/** Returns a name that sorts before the names of all earlier times. */
export function toEntryName(time: Date, id: string): string {
  return `${String(LAST_MS - time.getTime()).padStart(13, '0')}-${id}`
}

/** Tells the versions of a source apart: after a later upload to its key, the entry of the earlier one is not current. */
export function toVersion({ etag }: Pick<Source, 'etag'>): string {
  return createHash('sha256').update(etag).digest('hex').slice(0, 8)
}
