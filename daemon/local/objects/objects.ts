import type { StatementSync } from 'node:sqlite'
import type { Contents } from './contents.ts'
import type { Database } from './database.ts'

export type Metadata = Readonly<Record<string, string>>

/** One object. All its state is in this row, so content, ETag and metadata change together. */
export type Entry = {
  readonly bucket: string
  readonly key: string
  /** Name of the immutable content. A write adds a new one; a copy shares its source's. */
  readonly content: string
  readonly sizeBytes: number
  /** Without quotes. */
  readonly etag: string
  /** Milliseconds since the epoch. */
  readonly modified: number
  readonly metadata: Metadata
}

/** An event notification that has not reached the work queue yet. */
export type EventNotification = { readonly sequence: number; readonly body: string }

export type Replacement = Omit<Entry, 'modified' | 'content'> & {
  /** Receives the current object, and throws to refuse the write. */
  check: (current: Entry | null) => void
  /** Returns the event notification for this write; null for none. */
  toEventNotification: (entry: Entry, sequence: number) => string | null
  /** Returns the content to write. Runs in the same transaction. */
  toContent: () => string
}

export type Index = {
  find(bucket: string, key: string): Entry | null
  /** Returns the entries with the prefix and a key greater than `after`, in the order of the keys' UTF-8 bytes. */
  list(range: { bucket: string; prefix: string; after: string; limit: number }): Entry[]
  /**
   * Checks and writes an object in one transaction, with its content, sequence and event notification. Returns the entry
   * and the blobs that are no longer used.
   */
  replace(write: Replacement): { entry: Entry; unused: string[] }
  /** Removes an object in one transaction; returns the blobs that are no longer used. */
  remove(bucket: string, key: string, check: (current: Entry) => void): string[]
  /** Returns the oldest event notifications to send. */
  notifications(limit: number): EventNotification[]
  dropNotification(sequence: number): void
}

/** Opens the objects' part of the index. Everything is synchronous, so that nothing happens between a check and its write. */
export function openIndex({ sql, transaction, nextSequence }: Database, contents: Contents): Index {
  const select = sql.prepare('SELECT * FROM objects WHERE bucket = ? AND key = ?')
  const selectMany = sql.prepare(
    `SELECT * FROM objects WHERE bucket = :bucket AND key > :after AND key >= :prefix
       AND substr(key, 1, length(:prefix)) = :prefix ORDER BY key LIMIT :limit`,
  )
  const upsert = sql.prepare('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)')
  const erase = sql.prepare('DELETE FROM objects WHERE bucket = ? AND key = ?')
  const addNotification = sql.prepare('INSERT INTO notifications VALUES (?, ?)')
  const selectNotifications = sql.prepare('SELECT sequence, body FROM notifications ORDER BY sequence LIMIT ?')
  const eraseNotification = sql.prepare('DELETE FROM notifications WHERE sequence = ?')

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
    notifications: (limit) =>
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
