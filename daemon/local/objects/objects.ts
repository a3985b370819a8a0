import type { StatementSync } from 'node:sqlite'
import type { Contents } from './contents.ts'
import type { Database } from './database.ts'

export type Metadata = Readonly<Record<string, string>>

/** One object: its whole truth is this row, so content, ETag and metadata change as one. */
export type Entry = {
  readonly bucket: string
  readonly key: string
  /** Name of its immutable content; a new write gets a new one, a copy shares its source's. */
  readonly content: string
  readonly sizeBytes: number
  /** Without quotes. */
  readonly etag: string
  /** Milliseconds since the epoch. */
  readonly modified: number
  readonly metadata: Metadata
}

/** A notification that still has to reach the work queue. */
export type EventNotification = { readonly sequence: number; readonly body: string }

export type Replacement = Omit<Entry, 'modified' | 'content'> & {
  /** Sees what is there now and throws to refuse the write. */
  check: (current: Entry | null) => void
  /** What to tell the work queue of this write, if anything. */
  toEventNotification: (entry: Entry, sequence: number) => string | null
  /** Gives the content to write, and does what else belongs to the same transaction. */
  toContent: () => string
}

export type Index = {
  find(bucket: string, key: string): Entry | null
  /** Entries with the prefix, beyond `after`, in the order of their keys' UTF-8 bytes. */
  list(range: { bucket: string; prefix: string; after: string; limit: number }): Entry[]
  /** Writes in one step: check, content, object, sequence and notice. Returns the entry and the blobs no longer used. */
  replace(write: Replacement): { entry: Entry; unused: string[] }
  /** Removes in one step; returns the blobs that are no longer used. */
  remove(bucket: string, key: string, check: (current: Entry) => void): string[]
  notices(limit: number): EventNotification[]
  dropNotification(sequence: number): void
}

/** The objects' part of the index. Everything in it is synchronous: between a check and its write nothing can happen. */
export function openIndex({ sql, transaction, nextSequence }: Database, contents: Contents): Index {
  const select = sql.prepare('SELECT * FROM objects WHERE bucket = ? AND key = ?')
  const selectMany = sql.prepare(
    `SELECT * FROM objects WHERE bucket = :bucket AND key > :after AND key >= :prefix
       AND substr(key, 1, length(:prefix)) = :prefix ORDER BY key LIMIT :limit`,
  )
  const upsert = sql.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)')
  const erase = sql.prepare('DELETE FROM objects WHERE bucket = ? AND key = ?')
  const addNotification = sql.prepare('INSERT INTO notices VALUES (?, ?)')
  const selectNotifications = sql.prepare('SELECT sequence, body FROM notices ORDER BY sequence LIMIT ?')
  const eraseNotification = sql.prepare('DELETE FROM notices WHERE sequence = ?')

  const find: Index['find'] = (bucket, key) => toEntry(select.get(bucket, key))

  function replace({ check, toEventNotification, toContent, ...write }: Replacement): {
    entry: Entry
    unused: string[]
  } {
    return transaction(() => {
      const current = find(write.bucket, write.key)
      check(current)
      const entry: Entry = { ...write, content: toContent(), modified: Date.now() }
      const { bucket, key, content, sizeBytes, etag, modified, metadata } = entry
      upsert.run(bucket, key, content, sizeBytes, etag, modified, JSON.stringify(metadata))
      const sequence = nextSequence()
      const body = toEventNotification(entry, sequence)
      if (body !== null) addNotification.run(sequence, body)
      return { entry, unused: current === null ? [] : contents.drop(current.content) }
    })
  }

  function remove(bucket: string, key: string, check: (current: Entry) => void): string[] {
    return transaction(() => {
      const current = find(bucket, key)
      if (current === null) return []
      check(current)
      erase.run(bucket, key)
      return contents.drop(current.content)
    })
  }

  return {
    find,
    list: (range) => selectMany.all({ ...range }).flatMap((row) => toEntry(row) ?? []),
    replace,
    remove,
    notices: (limit) =>
      selectNotifications.all(limit).map((row) => ({ sequence: Number(row.sequence), body: String(row.body) })),
    dropNotification: (sequence) => void eraseNotification.run(sequence),
  }
}

function toEntry(row: ReturnType<StatementSync['get']>): Entry | null {
  if (row === undefined) return null
  return {
    bucket: String(row.bucket),
    key: String(row.key),
    content: String(row.content),
    sizeBytes: Number(row.size),
    etag: String(row.etag),
    modified: Number(row.modified),
    metadata: JSON.parse(String(row.metadata)) as Metadata,
  }
}
