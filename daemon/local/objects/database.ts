import { DatabaseSync } from 'node:sqlite'
import { MediadError } from '../../vocabulary/errors.ts'

/** Version of the tables below. A file with another version was created by another version of mediad. */
const SCHEMA_VERSION = 2

const SCHEMA = `
CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (
  bucket TEXT NOT NULL REFERENCES buckets(name) ON DELETE CASCADE, type TEXT NOT NULL, xml TEXT NOT NULL,
  PRIMARY KEY (bucket, type)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
  bucket TEXT NOT NULL REFERENCES buckets(name), key TEXT NOT NULL, content TEXT NOT NULL, size INTEGER NOT NULL,
  etag TEXT NOT NULL, modified INTEGER NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_content ON objects (content);
CREATE TABLE IF NOT EXISTS pieces (
  content TEXT NOT NULL, position INTEGER NOT NULL, blob TEXT NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (content, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY, bucket TEXT NOT NULL REFERENCES buckets(name) ON DELETE CASCADE, key TEXT NOT NULL,
  metadata TEXT NOT NULL, started INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
  upload TEXT NOT NULL REFERENCES uploads(id) ON DELETE CASCADE, number INTEGER NOT NULL, blob TEXT NOT NULL,
  size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notifications (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sequence (only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO sequence (only, last) VALUES (1, 0);
PRAGMA user_version = ${SCHEMA_VERSION};
`

export type Database = {
  readonly sql: DatabaseSync
  /** Runs `body` atomically. Synchronous, so no other code runs in between. */
  transaction<T>(body: () => T): T
  /** Returns a number greater than all before, also after restarts and when the clock is set back. Call it in a transaction. */
  nextSequence(): number
  close(): void
}

/**
 * Opens the index of the embedded S3 exclusively. The lock of the file, which ends with the process, keeps a second mediad
 * from serving the same folder.
 *
 * Survives the end of the process at any moment; the last writes before a power failure can be lost.
 * @throws MediadError `config.storage` when another process has the file open, another version of mediad created it, or it
 * cannot be opened.
 */
export function openDatabase(file: string): Database {
  const sql = openExclusive(file)
  const last = sql.prepare('SELECT last FROM sequence')
  const setLast = sql.prepare('UPDATE sequence SET last = ?')

  function transaction<T>(body: () => T): T {
    sql.exec('BEGIN IMMEDIATE')
    try {
      const result = body()
      sql.exec('COMMIT')
      return result
    } catch (error) {
      sql.exec('ROLLBACK')
      throw error
    }
  }

  function nextSequence(): number {
    // Milliseconds times 1024 are exact in a double until the year 2248.
    const next = Math.max(Number(last.get()?.last) + 1, Date.now() * 1024)
    setLast.run(next)
    return next
  }

  return { sql, transaction, nextSequence, close: () => sql.close() }
}

function openExclusive(file: string): DatabaseSync {
  let sql: DatabaseSync | undefined
  try {
    sql = new DatabaseSync(file, { enableForeignKeyConstraints: true })
    sql.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    checkSchema(sql, file)
    sql.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`)
    return sql
  } catch (cause) {
    sql?.close()
    if (cause instanceof MediadError) throw cause
    const locked = cause instanceof Error && cause.message.includes('locked')
    const message = locked
      ? `another mediad uses ${file}. Stop it, use its endpoints, or choose another data directory`
      : `cannot open ${file}. Check that mediad created it and that this user has write access, or choose another data directory`
    throw new MediadError('config.storage', message, { cause })
  }
}

function checkSchema(sql: DatabaseSync, file: string): void {
  const isNew = sql.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
  const version = Number(sql.prepare('PRAGMA user_version').get()?.user_version)
  if (isNew || version === SCHEMA_VERSION) return
  const problem = `${file} was created by another version of mediad (schema ${version}, expected ${SCHEMA_VERSION})`
  throw new MediadError(
    'config.storage',
    `${problem}. Choose another data directory, or delete this one with all its contents`,
  )
}
