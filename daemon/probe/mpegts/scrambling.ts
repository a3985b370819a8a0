import { readAt, type OpenFile } from '../bytes.ts'
import { DETECTION_BYTES, findPackets, listPackets, type Packet } from './packets.ts'

/** What the packets of a transport or program stream show about scrambling. */
export type Scrambling = {
  /** Packet identifiers (PID) of a transport stream whose packets are scrambled, and not only marked as scrambled. */
  readonly pids: ReadonlySet<number>
  /**
   * Whether video or audio can be scrambled: some packets of a transport stream are, or PES packets are marked, as on DVDs
   * (CSS). Descrambled files can still have these marks.
   */
  readonly suspected: boolean
}

const none: Scrambling = { pids: new Set(), suspected: false }

/** Three parts of a file are read: its start, middle and end. A recording can become scrambled later. */
const PART_BYTES = 512 * 1024

/** Counts of PES packets by their stream: PID, or stream id of a program stream. */
type Counts = { clear: number; marked: number; scrambled: number }
type Counter = Map<number, Counts>

/** Reads the scrambling marks of MPEG-TS and MPEG-PS. Never throws because of the content. */
export async function readScrambling(file: OpenFile): Promise<Scrambling> {
  const { size } = file
  const head = await readAt(file, 0, DETECTION_BYTES) // most files are neither: no more of them is read
  const isProgram = head.length >= 4 && head.readUInt32BE(0) === PACK
  const count = findPackets(head) ? countTransport : isProgram ? countProgram : null
  if (count === null) return none
  const counter: Counter = new Map()
  const offsets = new Set([0, Math.floor(size / 2), Math.max(0, size - PART_BYTES)])
  for (const offset of offsets) count(await readAt(file, offset, PART_BYTES), counter)
  return toScrambling(counter)
}

/** Marks of fewer PES packets than this share are corrupt data. Only some packets of a DVD are scrambled. */
const MARKED_SHARE = 0.1

function toScrambling(counter: Counter): Scrambling {
  const counts = [...counter.values()]
  const scrambledPids = [...counter].filter(([, { scrambled, clear }]) => scrambled > clear).map(([pid]) => pid)
  return {
    pids: new Set(scrambledPids),
    suspected: counts.some(({ scrambled, marked, clear }) => scrambled + marked > MARKED_SHARE * (scrambled + clear)),
  }
}

function countTransport(bytes: Buffer, counter: Counter): void {
  const packets = findPackets(bytes)
  if (packets === null) return
  for (const packet of listPackets(bytes, packets, isTrack)) countPacket(packet, counter)
}

/** PIDs below are tables of the standards; the one above is padding. */
const FIRST_PID = 0x20
const NULL_PID = 0x1fff
const isTrack = (pid: number): boolean => pid >= FIRST_PID && pid !== NULL_PID

/** Counts a packet at which a PES packet starts. If it is marked as scrambled but starts with a start code, it is not. */
function countPacket({ pid, isStart, isMarked, payload }: Packet, counter: Counter): void {
  if (!isStart || payload === null) return
  if (isPes(payload)) countPes(payload, pid, counter)
  else if (isMarked) toCounts(counter, pid).scrambled++
}

const PACK = 0x0000_01ba

/** Counts the PES packets of a program stream, from the first pack on. Stops where no start code follows. */
function countProgram(bytes: Buffer, counter: Counter): void {
  let at = bytes.indexOf(Buffer.from([0, 0, 1, 0xba]))
  while (at >= 0 && at + 14 <= bytes.length) {
    const code = bytes.readUInt32BE(at)
    if (code >>> 8 !== 1) return
    if (code === PACK) at += (bytes[at + 4] ?? 0) >> 6 === 1 ? 14 + ((bytes[at + 13] ?? 0) & 7) : 12
    else {
      const packet = bytes.subarray(at)
      if (isPes(packet)) countPes(packet, code & 0xff, counter)
      at += 6 + bytes.readUInt16BE(at + 4)
    }
  }
}

/** Whether bytes are the header of a PES packet of video, audio or private data (AC-3, DTS, …). */
function isPes(bytes: Buffer): boolean {
  if (bytes.length < 9 || bytes.readUIntBE(0, 3) !== 1) return false
  const id = bytes[3] ?? 0
  return id === 0xbd || id === 0xfd || (id >= 0xc0 && id <= 0xef)
}

/** Counts a PES packet by its scrambling control, which only MPEG-2 has: its second field starts with the bits 10. */
function countPes(packet: Buffer, id: number, counter: Counter): void {
  const flags = packet[6] ?? 0
  const counts = toCounts(counter, id)
  counts.clear++
  if (flags >> 6 === 2 && (flags & 0x30) !== 0) counts.marked++
}

function toCounts(counter: Counter, id: number): Counts {
  const counts = counter.get(id) ?? { clear: 0, marked: 0, scrambled: 0 }
  counter.set(id, counts)
  return counts
}
