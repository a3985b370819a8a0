/** A section of a table in MPEG-TS (ISO/IEC 13818-1, 2.4.4) whose checksum is right. */
export type Section = {
  /** Table id: 0 for program associations, 2 for a program map. */
  readonly table: number
  /** Program number of a program map. */
  readonly id: number
  /** The content between the header of eight bytes and the checksum. */
  readonly body: Buffer
}

const SYNC = 0x47
/** Sizes of a packet: plain, with a time code before it (Blu-ray), with error correction after it. */
const PACKET_SIZES = [188, 192, 204] as const
const PACKET_BYTES = 188
/** Header of eight bytes and checksum of four. */
const [SECTION_HEADER, CHECKSUM] = [8, 4]
/** Number of packets whose sync byte must be right to recognise the size of packets. */
const SYNC_PACKETS = 4

/** Reads the sections that packets with one of these PIDs hold, in order. Never throws because of the content. */
export function readSections(bytes: Buffer, pids: ReadonlySet<number>): Section[] {
  const sections: Section[] = []
  const open = new Map<number, Buffer>()
  const { first, step } = findPackets(bytes)
  for (let at = first; at + PACKET_BYTES <= bytes.length; at += step) {
    if (bytes[at] !== SYNC) continue
    const pid = bytes.readUInt16BE(at + 1) & 0x1fff
    const payload = pids.has(pid) ? toPayload(bytes.subarray(at, at + PACKET_BYTES)) : null
    if (payload === null) continue
    // a section starts behind a pointer, or goes on
    const isStart = ((bytes[at + 1] ?? 0) & 0x40) !== 0
    const data = isStart ? payload.subarray(1 + (payload[0] ?? 0)) : payload
    const collected = isStart ? data : Buffer.concat([open.get(pid) ?? Buffer.alloc(0), data])
    const section = toSection(collected)
    if (section === 'incomplete') open.set(pid, collected)
    else open.delete(pid)
    if (section !== null && section !== 'incomplete') sections.push(section)
  }
  return sections
}

/** Returns the payload of a packet; null without one. */
function toPayload(packet: Buffer): Buffer | null {
  const control = ((packet[3] ?? 0) >> 4) & 3
  if (control === 0 || control === 2) return null
  const payload = packet.subarray(control === 3 ? 5 + (packet[4] ?? 0) : 4)
  return payload.length === 0 ? null : payload
}

function toSection(bytes: Buffer): Section | null | 'incomplete' {
  if (bytes.length < 3) return 'incomplete'
  const length = 3 + (bytes.readUInt16BE(1) & 0xfff)
  if (length < SECTION_HEADER + CHECKSUM || length > 1024) return null
  if (bytes.length < length) return 'incomplete'
  const section = bytes.subarray(0, length)
  if (toChecksum(section) !== 0) return null
  return {
    table: section[0] ?? 0,
    id: section.readUInt16BE(3),
    body: section.subarray(SECTION_HEADER, length - CHECKSUM),
  }
}

/** Finds the first packet, and the distance of packets. */
function findPackets(bytes: Buffer): { first: number; step: number } {
  for (let first = 0; first < Math.min(bytes.length, 2 * PACKET_BYTES); first++) {
    const step = PACKET_SIZES.find((size) =>
      Array.from({ length: SYNC_PACKETS }, (_, n) => bytes[first + n * size]).every((byte) => byte === SYNC),
    )
    if (step !== undefined) return { first, step }
  }
  return { first: 0, step: PACKET_BYTES }
}

/** CRC-32 as MPEG uses it (polynomial 0x04c11db7, not reflected). 0 for a section that includes its checksum. */
export function toChecksum(bytes: Buffer): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte << 24
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1
  }
  return crc >>> 0
}
