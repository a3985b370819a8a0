import type { FileHandle } from 'node:fs/promises'

/** Smallest read: headers that follow each other, such as those of the boxes of an MP4, are read at once. */
const BLOCK_BYTES = 8192

type Block = { readonly at: number; readonly bytes: Buffer }

/** The last block that was read of each open file. */
const blocks = new WeakMap<FileHandle, Block>()

/**
 * Reads up to `length` bytes at an offset: fewer at the end of the file. The file must not change while it is open, and the
 * caller must not change the bytes.
 */
export async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const known = blocks.get(file)
  if (known && at >= known.at && at + length <= known.at + known.bytes.length)
    return known.bytes.subarray(at - known.at, at - known.at + length)
  const wanted = Math.max(length, BLOCK_BYTES)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, at)
  const bytes = buffer.subarray(0, bytesRead)
  if (wanted === BLOCK_BYTES) blocks.set(file, { at, bytes })
  return bytes.subarray(0, length)
}
