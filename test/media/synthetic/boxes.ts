/** Finds and edits boxes of mp4 files (ISO/IEC 14496-12), as far as the tests need it. */

export type Box = {
  type: string
  /** Offset of the header in the file, in bytes. */
  start: number
  /** Offset of the content. */
  bodyStart: number
  end: number
}

/** Yields the boxes between two offsets, without their children. Stops at the first bytes that are not a box. */
export function* readBoxes(bytes: Buffer, start = 0, end = bytes.length): Generator<Box> {
  for (let at = start; at + 8 <= end;) {
    const short = bytes.readUInt32BE(at)
    const bodyStart = short === 1 ? at + 16 : at + 8
    const size = short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? end - at : short
    if (size < bodyStart - at || at + size > end) return
    yield { type: bytes.toString('latin1', at + 4, at + 8), start: at, bodyStart, end: at + size }
    at += size
  }
}

/** Returns all boxes with a path such as `moov/trak/tkhd`. @throws Error when there is none */
export function findBoxes(bytes: Buffer, path: string): Box[] {
  let level: Box[] = [{ type: '', start: 0, bodyStart: 0, end: bytes.length }]
  for (const type of path.split('/'))
    level = level.flatMap((box) => [...readBoxes(bytes, box.bodyStart, box.end)].filter((one) => one.type === type))
  if (level.length === 0) throw new Error(`the file has no ${path}`)
  return level
}

/** Returns the first box with a path. */
export function findBox(bytes: Buffer, path: string): Box {
  return findBoxes(bytes, path)[0] as Box
}

/** `a b c d` of `x' = a x + c y`, `y' = b x + d y`: the transformation that a player applies. */
export type Matrix = readonly [a: number, b: number, c: number, d: number]

/** The display matrices of the eight orientations, numbered as in EXIF. */
export const orientations: Readonly<Record<number, Matrix>> = {
  1: [1, 0, 0, 1],
  2: [-1, 0, 0, 1],
  3: [-1, 0, 0, -1],
  4: [1, 0, 0, -1],
  5: [0, 1, 1, 0],
  6: [0, 1, -1, 0],
  7: [0, -1, -1, 0],
  8: [0, -1, 1, 0],
}

/** Sets the display matrix of the first track, whose header must have version 0, as ffmpeg writes it. */
export function setMatrix(bytes: Buffer, matrix: Matrix): Buffer {
  const changed = Buffer.from(bytes)
  const at = findBox(changed, 'moov/trak/tkhd').bodyStart + 40
  const [a, b, c, d] = matrix.map((value) => value * 0x10000)
  for (const [n, value] of [a, b, 0, c, d, 0, 0, 0, 0x40000000].entries()) changed.writeInt32BE(value ?? 0, at + 4 * n)
  return changed
}

/** Creates a box. */
export function createBox(type: string, ...body: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(body.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))
  const header = Buffer.alloc(8)
  header.writeUInt32BE(content.length + 8)
  header.write(type, 4, 'latin1')
  return Buffer.concat([header, content])
}

/**
 * Replaces a box and updates the sizes of its parents. The bytes after it move, so the index must come after the media
 * data.
 */
export function replaceBox(bytes: Buffer, path: string, replacement: Buffer): Buffer {
  const { start, end } = findBox(bytes, path)
  const changed = Buffer.concat([bytes.subarray(0, start), replacement, bytes.subarray(end)])
  const names = path.split('/')
  for (let depth = 1; depth < names.length; depth++) {
    const parent = findBox(bytes, names.slice(0, depth).join('/'))
    changed.writeUInt32BE(parent.end - parent.start + replacement.length - (end - start), parent.start)
  }
  return changed
}
