import type { FileHandle } from 'node:fs/promises'

/** A box of an MP4 (ISO/IEC 14496-12, 4.2). */
export type Box = {
  readonly type: string
  /** Offset of the content, behind the box header. */
  readonly start: number
  readonly end: number
  /** Whether the box ends within its parent. */
  readonly isComplete: boolean
}
export type Span = Pick<Box, 'start' | 'end'>

/** Limit of boxes read per walk: more than a valid file has before its tracks. A hostile file can have millions. */
export const MAX_BOXES = 20_000

/** One walk through the boxes of a file, with the number of boxes that it can still read. */
export type Walk = { readonly file: FileHandle; left: number }

/** Finds all boxes under `parent` whose types follow `path`. */
export async function findBoxes(walk: Walk, parent: Span | undefined, path: readonly string[]): Promise<Box[]> {
  const [step, ...rest] = path
  if (parent === undefined) return []
  const found = (await listBoxes(walk, parent)).filter(({ type }) => type === step)
  if (rest.length === 0) return found
  const deeper: Box[] = []
  for (const box of found) deeper.push(...(await findBoxes(walk, box, rest)))
  return deeper
}

export async function listBoxes(walk: Walk, parent: Span): Promise<Box[]> {
  const boxes: Box[] = []
  for (let at = parent.start; at + 8 <= parent.end && walk.left > 0;) {
    walk.left--
    const head = await readAt(walk.file, at, 16)
    if (head.length < 8) break
    const short = head.readUInt32BE(0)
    const [header, size] = short === 1 && head.length === 16 ? [16, Number(head.readBigUInt64BE(8))] : [8, short]
    const end = short === 0 ? parent.end : at + size // a size of 0 means: to the end of the parent
    if (end < at + header) break
    const type = head.toString('latin1', 4, 8)
    boxes.push({ type, start: at + header, end: Math.min(end, parent.end), isComplete: end <= parent.end })
    at = end
  }
  return boxes
}

/** Reads up to `length` bytes at an offset: fewer at the end of the file. */
export async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at)
  return buffer.subarray(0, bytesRead)
}
