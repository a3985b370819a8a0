/** Ids of EBML elements (RFC 8794, RFC 9559). */
const EBML = 0x1a45dfa3
const SEGMENT = 0x18538067

/**
 * Returns where the segment of a Matroska file ends, in bytes from the start of the file. Returns null when its size is
 * unknown, as in recordings of a live stream, and for any other file. `head` is the start of the file.
 */
export function readSegmentEnd(head: Buffer): number | null {
  const header = readElement(head, 0)
  if (header?.id !== EBML || header.size === null) return null
  const segment = readElement(head, header.start + header.size)
  return segment?.id !== SEGMENT || segment.size === null ? null : segment.start + segment.size
}

type Element = { readonly id: number; readonly start: number; readonly size: number | null }

function readElement(bytes: Buffer, at: number): Element | null {
  if (at < 0 || at + 4 >= bytes.length) return null
  const id = bytes.readUInt32BE(at) // both ids have four bytes
  const first = bytes[at + 4] ?? 0
  const length = Math.clz32(first) - 23 // the number of leading zero bits, plus 1
  if (length > 8 || at + 4 + length > bytes.length) return null
  let size = first & (0xff >> length)
  let isUnknown = size === 0xff >> length
  for (const byte of bytes.subarray(at + 5, at + 4 + length)) {
    size = size * 256 + byte
    isUnknown &&= byte === 0xff
  }
  return { id, start: at + 4 + length, size: isUnknown || !Number.isSafeInteger(size) ? null : size }
}
