import { findPackets, listPackets, PACKET_BYTES } from './packets.ts'

/** A section of a table in MPEG-TS (ISO/IEC 13818-1, 2.4.4) whose checksum is right. */
export type Section = {
  /** Table id: 0 for program associations, 2 for a program map. */
  readonly table: number
  /** Program number of a program map. */
  readonly id: number
  /** The content between the header of eight bytes and the checksum. */
  readonly body: Buffer
}

/** Header of eight bytes and checksum of four. */
const [SECTION_HEADER, CHECKSUM] = [8, 4]

/** Reads the sections that packets with one of these PIDs hold, in order. Never throws because of the content. */
export function readSections(bytes: Buffer, pids: ReadonlySet<number>): Section[] {
  const sections: Section[] = []
  const open = new Map<number, Buffer>()
  const packets = findPackets(bytes) ?? { first: 0, distance: PACKET_BYTES }
  for (const { pid, isStart, payload } of listPackets(bytes, packets, (one) => pids.has(one))) {
    if (payload === null || payload.length === 0) continue
    // a section starts behind a pointer, or goes on
    const data = isStart ? payload.subarray(1 + (payload[0] ?? 0)) : payload
    const collected = isStart ? data : Buffer.concat([open.get(pid) ?? Buffer.alloc(0), data])
    const section = toSection(collected)
    if (section === 'incomplete') open.set(pid, collected)
    else open.delete(pid)
    if (section !== null && section !== 'incomplete') sections.push(section)
  }
  return sections
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

/** CRC-32 as MPEG uses it (polynomial 0x04c11db7, not reflected). 0 for a section that includes its checksum. */
export function toChecksum(bytes: Buffer): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte << 24
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1
  }
  return crc >>> 0
}
