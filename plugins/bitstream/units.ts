/** A message of supplemental enhancement information (SEI) of H.264 or HEVC. */
export type Message = { readonly type: number; readonly payload: Buffer }

/**
 * Yields the units of a byte stream (H.264, H.265: Annex B). Each begins after a start code, and ends before the zeros in
 * front of the next one.
 */
export function* splitUnits(bytes: Buffer): Generator<Buffer> {
  for (let at = bytes.indexOf(startCode); at >= 0;) {
    const next = bytes.indexOf(startCode, at + 3)
    const unit = withoutZeros(bytes.subarray(at + 3, next < 0 ? bytes.length : next))
    if (unit.length > 0) yield unit
    at = next
  }
}

const startCode = Buffer.from([0, 0, 1])

/** Removes zeros from the end of a unit: they are not part of it. */
export function withoutZeros(unit: Buffer): Buffer {
  let end = unit.length
  while (end > 0 && unit[end - 1] === 0) end--
  return unit.subarray(0, end)
}

/** Yields the messages of an SEI unit, behind its header. The payload of an incomplete message is shorter than its size. */
export function* splitMessages(unit: Buffer, headerBytes: number): Generator<Message> {
  const bytes = withoutEmulation(unit.subarray(headerBytes))
  // the last byte is the end of the unit
  for (let at = 0; at + 2 < bytes.length;) {
    const type = readNumber(bytes, at)
    const size = readNumber(bytes, type.end)
    const end = size.end + size.value
    yield { type: type.value, payload: bytes.subarray(size.end, end) }
    at = end
  }
}

/** Reads a number that is coded as bytes of 255 and a last byte, which are added. */
function readNumber(bytes: Buffer, start: number): { value: number; end: number } {
  let at = start
  while (bytes[at] === 0xff) at++
  return { value: (at - start) * 255 + (bytes[at] ?? 0), end: at + 1 }
}

/** Removes the byte 3 that follows two zeros, so that a unit never contains a start code. */
function withoutEmulation(unit: Buffer): Buffer {
  const plain = Buffer.alloc(unit.length)
  let length = 0
  let start = 0
  for (let at = unit.indexOf(emulation); at >= 0; at = unit.indexOf(emulation, start)) {
    length += unit.copy(plain, length, start, at + 2)
    start = at + 3
  }
  length += unit.copy(plain, length, start)
  return plain.subarray(0, length)
}

const emulation = Buffer.from([0, 0, 3])

/** An open bitstream unit (OBU) of AV1. */
export type Obu = { readonly type: number; readonly payload: Buffer }

/** Yields the OBUs of AV1, which have their sizes. Stops at the first that is incomplete or has no size. */
export function* splitObus(bytes: Buffer): Generator<Obu> {
  for (let at = 0; at < bytes.length;) {
    const head = bytes[at] ?? 0
    const size = readLeb128(bytes, at + 1 + ((head >> 2) & 1)) // a header can have an extension byte
    if (((head >> 1) & 1) === 0 || size === null || size.end + size.value > bytes.length) return
    yield { type: (head >> 3) & 15, payload: bytes.subarray(size.end, size.end + size.value) }
    at = size.end + size.value
  }
}

/** Reads a number in groups of 7 bits, the lowest first; null when it is incomplete or has more than 8 groups. */
export function readLeb128(bytes: Buffer, start: number): { value: number; end: number } | null {
  let value = 0
  for (let n = 0; n < 8 && start + n < bytes.length; n++) {
    const byte = bytes[start + n] ?? 0
    value += (byte & 0x7f) * 2 ** (7 * n)
    if (byte < 0x80) return { value, end: start + n + 1 }
  }
  return null
}
