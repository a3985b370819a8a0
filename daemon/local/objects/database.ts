import { DatabaseSync } from 'node:sqlite'
import { MediadError } from '../../vocabulary/errors.ts'

/** Of the tables below: a folder with another number was made by a mediad that keeps its objects in another way. */
const SCHEMA_VERSION = 1

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
CREATE TABLE IF NOT EXISTS notices (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sequence (only INTEGER PRIMARY KEY CHECK (only = 1), last INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO sequence (only, last) VALUES (1, 0);
PRAGMA user_version = ${SCHEMA_VERSION};
`

export type Database = {
  readonly sql: DatabaseSync
  /** Runs `body` as one: all of it happened, or nothing did. Synchronous, so nothing comes in between. */
  transaction<T>(body: () => T): T
  /** A number greater than every one before it, also over restarts and clocks set back. Only inside a transaction. */
  nextSequence(): number
  close(): void
}

/**
 * Opens the index of the embedded S3 and keeps it to itself: the file's own lock, which dies with the process, is what
 * stops a second mediad from serving the same folder.
 *
 * Survives the end of the process at any instant; what was written just before a power cut may be missing.
 * @throws MediadError `config.storage` when another process has it open, another version of mediad made it, or it cannot
 * be opened.
 */
export function openDatabase(file: string): Database {
  const sql = openAlone(file)
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
    // milliseconds times 1024 stay exact in a double until the year 2248
    const next = Math.max(Number(last.get()?.last) + 1, Date.now() * 1024)
    setLast.run(next)
    return next
  }

  return { sql, transaction, nextSequence, close: () => sql.close() }
}

function openAlone(file: string): DatabaseSync {
  let sql: DatabaseSync | undefined
  try {
    sql = new DatabaseSync(file, { enableForeignKeyConstraints: true })
    sql.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    refuseOtherSchema(sql, file)
    sql.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`)
    return sql
  } catch (cause) {
    sql?.close()
    if (cause instanceof MediadError) throw cause
    const locked = cause instanceof Error && cause.message.includes('locked')
    const what = locked
      ? `another mediad is using ${file}: stop it, use its endpoints instead, or choose another data directory`
      : `cannot open ${file}: check that it is a file of mediad's that this user may write, or choose another data directory`
    throw new MediadError('config.storage', what, { cause })
  }
}

function refuseOtherSchema(sql: DatabaseSync, file: string): void {
  const isNew = sql.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
  const version = Number(sql.prepare('PRAGMA user_version').get()?.user_version)
  if (isNew || version === SCHEMA_VERSION) return
  const what = `${file} was made by another version of mediad (its schema is ${version}, this one's is ${SCHEMA_VERSION})`
  throw new MediadError(
    'config.storage',
    `${what}: choose another data directory, or delete the old one with all that is in it`,
  )
}
