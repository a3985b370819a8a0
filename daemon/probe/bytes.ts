import { open, type FileHandle } from 'node:fs/promises'

/** Smallest read: headers that follow each other, such as those of the boxes of an MP4, are read at once. */
const BLOCK_BYTES = 8192

type Block = { readonly at: number; readonly bytes: Buffer }

/** A file that is open for inspection. It must not change meanwhile. */
export type OpenFile = {
  readonly handle: FileHandle
  /** Size in bytes. */
  readonly size: number
  /** The first block, which most readers start with, and the last one that was read. */
  readonly blocks: { first?: Block; last?: Block }
} & AsyncDisposable

/** Opens a file. All readers of an inspection share it: each open, read and close is a trip to another thread. */
export async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path)
  const close = () => handle.close()
  try {
    const { size } = await handle.stat()
    return { handle, size, blocks: {}, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Reads up to `length` bytes at an offset: fewer at the end of the file. The caller must not change the bytes. */
export async function readAt({ handle, size, blocks }: OpenFile, at: number, length: number): Promise<Buffer> {
  const end = Math.min(at + length, size)
  for (const block of [blocks.last, blocks.first])
    if (block && at >= block.at && end <= block.at + block.bytes.length)
      return block.bytes.subarray(at - block.at, at - block.at + length)
  const wanted = Math.max(length, BLOCK_BYTES)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, at)
  const bytes = buffer.subarray(0, bytesRead)
  if (wanted === BLOCK_BYTES) blocks[at === 0 ? 'first' : 'last'] = { at, bytes }
  return bytes.subarray(0, length)
}
