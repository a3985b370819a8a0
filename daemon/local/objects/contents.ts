import { randomUUID } from 'node:crypto'
import type { Database } from './database.ts'
import type { Slice } from './readers.ts'
import type { ByteRange } from './s3rver.ts'

export type Piece = { readonly blob: string; readonly sizeBytes: number }

export type Contents = {
  /** Adds a content made of these blobs in this order; returns its name. Call it inside a transaction. */
  add(pieces: readonly Piece[]): string
  /** Returns the slices to read for a range of the content, in order. Empty blobs have none. */
  slices(content: string, range: ByteRange): Slice[]
  /**
   * Removes a content unless an object still refers to it (a copy shares its source's); returns the blobs that are no
   * longer used. Call it inside a transaction, after its object was removed or replaced.
   */
  drop(content: string): string[]
  /** Returns every blob that a content or a part of an open upload refers to. */
  blobs(): string[]
}

/**
 * Opens the contents' part of the index. A content is a list of blobs: one for a single PUT, all parts for a multipart
 * upload, so that completing an upload copies no bytes. A blob belongs to one content or to one part of an open upload,
 * never to both.
 */
export function openContents({ sql }: Database): Contents {
  const insert = sql.prepare('INSERT INTO pieces VALUES (?, ?, ?, ?, ?)')
  const selectRange = sql.prepare(
    `SELECT blob, start, size FROM pieces
       WHERE content = ? AND size > 0 AND start <= ? AND start + size > ? ORDER BY position`,
  )
  const selectBlobs = sql.prepare('SELECT blob FROM pieces WHERE content = ?')
  const selectObject = sql.prepare('SELECT 1 FROM objects WHERE content = ? LIMIT 1')
  const erase = sql.prepare('DELETE FROM pieces WHERE content = ?')
  const selectAll = sql.prepare('SELECT blob FROM pieces UNION ALL SELECT blob FROM parts')

  return {
    add(pieces) {
      const content = randomUUID()
      let start = 0
      for (const [position, { blob, sizeBytes }] of pieces.entries()) {
        insert.run(content, position, blob, start, sizeBytes)
        start += sizeBytes
      }
      return content
    },
    slices: (content, range) =>
      selectRange.all(content, range.end, range.start).map((row) => {
        const [start, size] = [Number(row.start), Number(row.size)]
        return {
          blob: String(row.blob),
          start: Math.max(range.start - start, 0),
          end: Math.min(range.end - start, size - 1),
        }
      }),
    drop(content) {
      if (selectObject.get(content) !== undefined) return []
      const blobs = selectBlobs.all(content).map((row) => String(row.blob))
      erase.run(content)
      return blobs
    },
    blobs: () => selectAll.all().map((row) => String(row.blob)),
  }
}
