import type { FileHandle } from 'node:fs/promises'

/** A box of an MP4 file (ISO/IEC 14496-12) in a buffer. */
export type Box = {
  readonly type: string
  /** The content, without the header. */
  readonly content: Buffer
}

/** A box at the top level of a file. */
export type TopBox = {
  readonly type: string
  readonly offset: number
  readonly sizeBytes: number
}

/** Bytes of a box header with a 64-bit size. */
const HEADER_BYTES = 16

/**
 * Reads the headers of the boxes at the top level, without their content.
 *
 * @throws Error for a box that does not fit into the file
 */
export async function readTopBoxes(file: FileHandle): Promise<TopBox[]> {
  const { size } = await file.stat()
  const header = Buffer.alloc(HEADER_BYTES)
  const boxes: TopBox[] = []
  for (let offset = 0; offset < size;) {
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, offset)
    const { type, sizeBytes } = parseHeader(header.subarray(0, bytesRead), size - offset)
    if (offset + sizeBytes > size) throw new Error(`the box "${type}" at ${offset} exceeds the file`)
    boxes.push({ type, offset, sizeBytes })
    offset += sizeBytes
  }
  return boxes
}

/** Reads a box at the top level completely. */
export async function readBox(file: FileHandle, { type, offset, sizeBytes }: TopBox): Promise<Box> {
  const bytes = Buffer.alloc(sizeBytes)
  await file.read(bytes, 0, sizeBytes, offset)
  return { type, content: bytes.subarray(parseHeader(bytes, sizeBytes).headerBytes) }
}

/** Lists the boxes in a content. `skip` is the number of bytes before the first one. */
export function listBoxes(content: Buffer, skip = 0): Box[] {
  const boxes: Box[] = []
  for (let at = skip; at + 8 <= content.length;) {
    const { type, sizeBytes, headerBytes } = parseHeader(content.subarray(at), content.length - at)
    boxes.push({ type, content: content.subarray(at + headerBytes, at + sizeBytes) })
    at += sizeBytes
  }
  return boxes
}

/** Returns the content of the first box on a path such as `['trak', 'mdia', 'mdhd']`; null when there is none. */
export function findContent(content: Buffer, path: readonly string[]): Buffer | null {
  return path.reduce<Buffer | null>((parent, wanted) => {
    const found = parent === null ? undefined : listBoxes(parent).find(({ type }) => type === wanted)
    return found?.content ?? null
  }, content)
}

/** Returns the content of a box that must exist. @throws Error when it does not */
export function getContent(content: Buffer, path: readonly string[]): Buffer {
  const found = findContent(content, path)
  if (found === null) throw new Error(`the box "${path.join('/')}" is missing`)
  return found
}

function parseHeader(bytes: Buffer, available: number): { type: string; sizeBytes: number; headerBytes: number } {
  if (bytes.length < 8) throw new Error('the header of a box is incomplete')
  const [size, type] = [bytes.readUInt32BE(0), bytes.toString('latin1', 4, 8)]
  const isLarge = size === 1
  const headerBytes = isLarge ? HEADER_BYTES : 8
  const sizeBytes = isLarge ? Number(bytes.readBigUInt64BE(8)) : size === 0 ? available : size
  if (sizeBytes < headerBytes) throw new Error(`the size of the box "${type}" is not valid`)
  return { type, sizeBytes, headerBytes }
}
