/** Bytes of a packet of MPEG-TS (ISO/IEC 13818-1, 2.4.3). */
export const PACKET_BYTES = 188
const SYNC = 0x47

/** Distances of packets: plain, with a time code before each (M2TS), with error correction after it. */
const DISTANCES = [PACKET_BYTES, 192, 204] as const
/** Number of packets whose sync bytes must be in place. */
const SYNC_PACKETS = 5

/** Number of packets that the first one is searched in: bytes before it can be damaged or belong to another packet. */
const SEARCHED_PACKETS = 2

/** Bytes of the start of a file that show whether it is an MPEG-TS. */
export const DETECTION_BYTES = DISTANCES[2] * (SEARCHED_PACKETS + SYNC_PACKETS)

type Packets = { readonly first: number; readonly distance: number }

/** Finds the first packet of a transport stream, and the distance of packets; null when there is none. */
export function findPackets(bytes: Buffer): Packets | null {
  for (const distance of DISTANCES)
    for (let first = 0; first < SEARCHED_PACKETS * distance; first++) {
      if (first + (SYNC_PACKETS - 1) * distance >= bytes.length) break
      if (isSynced(bytes, { first, distance })) return { first, distance }
    }
  return null
}

function isSynced(bytes: Buffer, { first, distance }: Packets): boolean {
  for (let n = 0; n < SYNC_PACKETS; n++) if (bytes[first + n * distance] !== SYNC) return false
  return true
}

/** A packet of a transport stream. */
export type Packet = {
  /** Packet identifier: the track or the table that it belongs to. */
  readonly pid: number
  /** Whether a PES packet or a section starts in it. */
  readonly isStart: boolean
  /** Whether it is marked as scrambled. */
  readonly isMarked: boolean
  /** The bytes behind header and adaptation field; null in a packet without. */
  readonly payload: Buffer | null
}

/** Yields the complete packets that start with a sync byte, and whose PID is wanted: a file can have millions of others. */
export function* listPackets(
  bytes: Buffer,
  { first, distance }: Packets,
  isWanted: (pid: number) => boolean,
): Generator<Packet> {
  for (let at = first; at + PACKET_BYTES <= bytes.length; at += distance) {
    if (bytes[at] !== SYNC) continue
    const pid = bytes.readUInt16BE(at + 1) & 0x1fff
    if (isWanted(pid)) yield toPacket(pid, bytes.subarray(at, at + PACKET_BYTES))
  }
}

function toPacket(pid: number, bytes: Buffer): Packet {
  const header = bytes.readUInt32BE(0)
  const [hasAdaptation, hasPayload] = [(header & 0x20) !== 0, (header & 0x10) !== 0]
  const payload = bytes.subarray(4 + (hasAdaptation ? 1 + (bytes[4] ?? 0) : 0))
  return {
    pid,
    isStart: (header & 0x40_00_00) !== 0,
    isMarked: (header & 0xc0) !== 0,
    payload: hasPayload ? payload : null,
  }
}
