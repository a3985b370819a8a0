import type { Piece } from './contents.ts'
import type { Database } from './database.ts'
import type { Metadata } from './objects.ts'
import { S3Error } from './s3rver.ts'

export type Upload = { id: string; bucket: string; key: string; metadata: Metadata; started: number }
export type Part = Piece & { number: number; etag: string; modified: number }

export type Uploads = {
  start(upload: Omit<Upload, 'started'>): void
  /** @throws S3Error `NoSuchUpload` */
  get(id: string): Upload
  list(range: { bucket: string; prefix: string; afterKey: string; afterId: string; limit: number }): Upload[]
  parts(id: string): Part[]
  /**
   * Writes a part; returns the blob of the part it replaces, if any.
   * @throws S3Error `NoSuchUpload` when the upload was completed or aborted meanwhile.
   */
  putPart(id: string, part: Omit<Part, 'modified'>): string[]
  /** Removes a completed or aborted upload; returns the blobs of its parts, which the caller now owns. */
  end(id: string): string[]
}

/** Opens the multipart uploads' part of the index. */
export function openUploads({ sql, transaction }: Database): Uploads {
  const insert = sql.prepare('INSERT INTO uploads VALUES (?, ?, ?, ?, ?)')
  const select = sql.prepare('SELECT * FROM uploads WHERE id = ?')
  const selectMany = sql.prepare(
    `SELECT * FROM uploads WHERE bucket = :bucket AND substr(key, 1, length(:prefix)) = :prefix
       AND (key > :afterKey OR (key = :afterKey AND id > :afterId)) ORDER BY key, id LIMIT :limit`,
  )
  const erase = sql.prepare('DELETE FROM uploads WHERE id = ?')
  const selectParts = sql.prepare('SELECT * FROM parts WHERE upload = ? ORDER BY number')
  const selectPart = sql.prepare('SELECT blob FROM parts WHERE upload = ? AND number = ?')
  const upsertPart = sql.prepare('INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)')

  function get(id: string): Upload {
    const row = select.get(id)
    if (row !== undefined) return toUpload(row)
    throw noSuchUpload(id)
  }

  function putPart(id: string, part: Omit<Part, 'modified'>): string[] {
    return transaction(() => {
      get(id)
      const replaced = selectPart.get(id, part.number)
      upsertPart.run(id, part.number, part.blob, part.sizeBytes, part.etag, Date.now())
      return replaced === undefined ? [] : [String(replaced.blob)]
    })
  }

  const parts: Uploads['parts'] = (id) => selectParts.all(id).map(toPart)

  return {
    start: ({ id, bucket, key, metadata }) => void insert.run(id, bucket, key, JSON.stringify(metadata), Date.now()),
    get,
    list: (range) => selectMany.all({ ...range }).map(toUpload),
    parts,
    putPart,
    end(id) {
      const blobs = parts(id).map((part) => part.blob)
      erase.run(id)
      return blobs
    },
  }
}

/** Returns S3's error for an upload that does not exist, was completed or aborted, or belongs to another key. */
export function noSuchUpload(id: string): S3Error {
  const message = 'The specified upload does not exist. It may be invalid, or may have been aborted or completed.'
  return new S3Error('NoSuchUpload', message, { UploadId: id })
}

function toUpload(row: Record<string, unknown>): Upload {
  const { id, bucket, key, metadata, started } = row
  return {
    id: String(id),
    bucket: String(bucket),
    key: String(key),
    metadata: JSON.parse(String(metadata)) as Metadata,
    started: Number(started),
  }
}

function toPart(row: Record<string, unknown>): Part {
  const { number, blob, size, etag, modified } = row
  return {
    number: Number(number),
    blob: String(blob),
    sizeBytes: Number(size),
    etag: String(etag),
    modified: Number(modified),
  }
}
