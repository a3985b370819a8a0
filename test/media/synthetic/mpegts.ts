/** Packets of MPEG-TS (ISO/IEC 13818-1) with the tables that describe its programs. */
import { toChecksum } from '../../../daemon/probe/mpegts/sections.ts'

/** Creates a packet with a payload of up to 184 bytes; the rest is filled as in a table. */
export function createPacket(pid: number, payload: Buffer = Buffer.alloc(0), isStart = true): Buffer {
  const packet = Buffer.alloc(188, 0xff)
  packet[0] = 0x47
  packet.writeUInt16BE((isStart ? 0x4000 : 0) | pid, 1)
  packet[3] = 0x10
  payload.copy(packet, 4)
  return packet
}

/** Creates the packets of a section: header, content and checksum. */
function createSection(pid: number, { table, id }: { table: number; id: number }, content: Buffer): Buffer {
  const head = Buffer.from([0, table, 0, 0, 0, 0, 0xc1, 0, 0]) // the first byte is the pointer to the section
  head.writeUInt16BE(0xb000 | (content.length + 9), 2)
  head.writeUInt16BE(id, 4)
  const section = Buffer.concat([head, content, Buffer.alloc(4)])
  section.writeUInt32BE(toChecksum(section.subarray(1, -4)), section.length - 4)
  const count = Math.ceil(section.length / 184)
  return Buffer.concat(
    Array.from({ length: count }, (_, n) => createPacket(pid, section.subarray(184 * n, 184 * n + 184), n === 0)),
  )
}

/** Creates a program association table: the PID of the map of each program. */
export function createPrograms(maps: Readonly<Record<number, number>>): Buffer {
  const content = Object.entries(maps).map(([program, pid]) => {
    const entry = Buffer.alloc(4)
    entry.writeUInt16BE(Number(program), 0)
    entry.writeUInt16BE(0xe000 | pid, 2)
    return entry
  })
  return createSection(0, { table: 0, id: 1 }, Buffer.concat(content))
}

/** A track of a program map: its PID, its stream type (default H.264) and its descriptors. */
export type MappedTrack = { pid: number; type?: number; descriptors?: readonly number[] }

/** Creates the map of a program. */
export function createMap(pid: number, program: number, tracks: readonly MappedTrack[]): Buffer {
  const entries = tracks.map(({ pid: track, type = 0x1b, descriptors = [] }) =>
    Buffer.from([type, 0xe0 | (track >> 8), track & 0xff, 0xf0, descriptors.length, ...descriptors]),
  )
  return createSection(pid, { table: 2, id: program }, Buffer.concat([Buffer.from([0xff, 0xff, 0xf0, 0]), ...entries]))
}
