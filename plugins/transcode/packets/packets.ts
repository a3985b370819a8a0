import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { RunContext } from 'mediad'

/** A packet of a track; start and duration are in seconds. */
export type Packet = { readonly start: number; readonly duration: number; readonly bytes: number }

/**
 * Lists the packets of tracks of the source without decoding them. This reads the whole file, so it is for files whose header
 * is in doubt.
 */
export async function listPackets(
  context: RunContext,
  { tracks, inputOptions }: { tracks: readonly number[]; inputOptions: readonly string[] },
): Promise<Packet[][]> {
  const path = join(context.workspace, `packets-${randomUUID()}.txt`)
  const maps = tracks.flatMap((index) => ['-map', `0:${index}`])
  const options = [...maps, '-c', 'copy', '-copyinkf', '-f', 'framecrc']
  try {
    await context.ffmpeg({ inputOptions, outputs: [{ path, options }] })
    const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity })
    return await parsePackets(lines, tracks.length)
  } finally {
    await rm(path, { force: true })
  }
}

/**
 * Parses the output of ffmpeg's muxer `framecrc`: `#tb 0: 1/12800` gives a track's unit, and each other line is `track, dts,
 * pts, duration, bytes, …`. Lines of another form are ignored.
 */
export async function parsePackets(lines: AsyncIterable<string>, count: number): Promise<Packet[][]> {
  const units = new Map<number, number>()
  const packets: Packet[][] = Array.from({ length: count }, () => [])
  for await (const line of lines) {
    const [, track, above, below] = /^#tb (\d+): (\d+)\/(\d+)$/.exec(line) ?? []
    if (track !== undefined) units.set(Number(track), Number(above) / Number(below))
    const [index, decoding, presentation, duration, bytes = 0] = line.split(',').map(Number)
    const unit = units.get(index ?? -1)
    const start = Number.isFinite(presentation) ? presentation : decoding
    if (unit === undefined || start === undefined || !Number.isFinite(start + (duration ?? Number.NaN))) continue
    packets[index ?? -1]?.push({ start: start * unit, duration: (duration ?? 0) * unit, bytes })
  }
  return packets
}

/** Longest duration of a single packet that counts: a longer one is that of a frame which stays visible, or wrong. */
const LONGEST_PACKET_SECONDS = 1

/**
 * Returns how many seconds of media a track holds: from its first to its last packet, or the sum of their durations where the
 * timestamps do not show it.
 */
export function toHeldSeconds(packets: readonly Packet[]): number {
  let [first, last, sum] = [Infinity, -Infinity, 0]
  for (const { start, duration } of packets) {
    first = Math.min(first, start)
    last = Math.max(last, start)
    sum += Math.min(Math.max(0, duration), LONGEST_PACKET_SECONDS)
  }
  return packets.length === 0 ? 0 : Math.max(last - first, sum)
}

/** Bytes that a container needs besides its packets: for each of them, and for its header. */
const OVERHEAD = { packet: 32, header: 16_384 } as const
/** Share of a file that can be something else. */
const UNREAD_SHARE = 0.02

/** Whether the packets of all tracks are what a file of this size holds, so that the demuxer skipped nothing. */
export function fillsFile(tracks: readonly (readonly Packet[])[], sizeBytes: number): boolean {
  const packets = tracks.flat()
  const read = packets.reduce((sum, { bytes }) => sum + bytes + OVERHEAD.packet, 0) + OVERHEAD.header
  return sizeBytes - read <= UNREAD_SHARE * sizeBytes
}

/** Number of intervals on each side that an interval between two frames is compared with. */
const NEIGHBOURS = 4
/** By what factor an interval must be longer than its neighbours to count as a gap. */
const GAP_FACTOR = 1.6

/**
 * Counts the frames that are missing between others: where the interval between two frames is longer than those before and
 * after it. The frame rate can change, and it can be variable. Intervals from `clockJumpSeconds` on are not gaps.
 */
export function countMissingFrames(packets: readonly Packet[], clockJumpSeconds: number): number {
  const starts = packets.map(({ start }) => start).toSorted((a, b) => a - b)
  const intervals = starts.slice(1).map((start, n) => start - (starts[n] ?? 0))
  return intervals.reduce((missing, interval, n) => {
    const before = toMedian(intervals.slice(Math.max(0, n - NEIGHBOURS), n))
    const after = toMedian(intervals.slice(n + 1, n + 1 + NEIGHBOURS))
    const usual = Math.max(before ?? after ?? Infinity, after ?? before ?? Infinity)
    const isGap = interval > GAP_FACTOR * usual && usual > 0 && interval < clockJumpSeconds
    return isGap ? missing + Math.round(interval / usual) - 1 : missing
  }, 0)
}

function toMedian(values: readonly number[]): number | null {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? null
}
