import type { Database } from './database.ts'
import { readSetting, type BucketSetting } from './s3rver.ts'

export type Bucket = { name: string; creationDate: Date }

export type Buckets = {
  all(): Bucket[]
  find(name: string): Bucket | null
  /** Does nothing when the bucket exists. */
  add(name: string): void
  /** Removes an empty bucket with its settings and open uploads; returns the blobs that are no longer used. */
  remove(name: string): string[]
  setting(bucket: string, type: string): BucketSetting | null
  putSetting(bucket: string, type: string, xml: string): void
  dropSetting(bucket: string, type: string): void
}

/** Opens the buckets' part of the index. */
export function openBuckets({ sql, transaction }: Database): Buckets {
  const selectAll = sql.prepare('SELECT name, created FROM buckets ORDER BY name')
  const select = sql.prepare('SELECT name, created FROM buckets WHERE name = ?')
  const insert = sql.prepare('INSERT OR IGNORE INTO buckets VALUES (?, ?)')
  const erase = sql.prepare('DELETE FROM buckets WHERE name = ?')
  const selectBlobs = sql.prepare('SELECT blob FROM parts JOIN uploads ON upload = id WHERE bucket = ?')
  const settings = new Map<string, BucketSetting | null>() // parsed: every request needs the CORS rules of its bucket
  const selectSetting = sql.prepare('SELECT xml FROM settings WHERE bucket = ? AND type = ?')
  const upsertSetting = sql.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?, ?)')
  const eraseSetting = sql.prepare('DELETE FROM settings WHERE bucket = ? AND type = ?')

  return {
    all: () => selectAll.all().map(toBucket),
    find(name) {
      const row = select.get(name)
      return row === undefined ? null : toBucket(row)
    },
    add: (name) => void insert.run(name, Date.now()),
    remove: (name) =>
      transaction(() => {
        const blobs = selectBlobs.all(name).map((row) => String(row.blob))
        erase.run(name)
        settings.clear()
        return blobs
      }),
    setting(bucket, type) {
      const name = `${bucket} ${type}`
      const known = settings.get(name)
      if (known !== undefined) return known
      const row = selectSetting.get(bucket, type)
      const setting = row === undefined ? null : readSetting(type, String(row.xml))
      settings.set(name, setting)
      return setting
    },
    putSetting(bucket, type, xml) {
      upsertSetting.run(bucket, type, xml)
      settings.clear()
    },
    dropSetting(bucket, type) {
      eraseSetting.run(bucket, type)
      settings.clear()
    },
  }
}

function toBucket(row: Record<string, unknown>): Bucket {
  return { name: String(row.name), creationDate: new Date(Number(row.created)) }
}
