import { toFields, toList, toNumber, type Fields } from './fields.ts'
import { isCandidate } from './pick.ts'
import type { TrackBoxes } from './mp4/track-boxes.ts'

/** Number of packets that the first run of ffprobe reads. Tracks among them are known to hold something. */
export const FIRST_PACKETS = 200

/** Largest number of tracks that are searched for a packet: each can mean reading the whole file. */
const MAX_SEARCHES = 4

/**
 * Finds the video and audio tracks that hold nothing, by their indices. The index of an MP4 shows it. Other tracks without a
 * packet among the first ones are searched by `hasPacket`, which reads the file until it finds one.
 */
export async function findEmpty(
  json: unknown,
  tracks: readonly TrackBoxes[],
  hasPacket: (index: number) => Promise<boolean>,
): Promise<ReadonlySet<number>> {
  const seen = new Set(toList(toFields(json).packets).map(toIndex))
  const unseen = toList(toFields(json).streams).filter((stream) => isCandidate(stream) && !seen.has(toIndex(stream)))
  const empty = new Set<number>()
  let searches = 0
  for (const stream of unseen) {
    const index = toIndex(stream)
    const count = tracks.find(({ id }) => id !== null && id === toNumber(stream.id))?.sampleCount ?? null
    if (index === null || (count !== null && count > 0)) continue
    if (count === 0 || (searches++ < MAX_SEARCHES && !(await hasPacket(index)))) empty.add(index)
  }
  return empty
}

/** Marks tracks as empty, so that they are not selected; unless all are, in which case nothing is known about the file. */
export function withoutEmpty(json: unknown, empty: ReadonlySet<number>): unknown {
  const streams = toList(toFields(json).streams)
  const isEmpty = (stream: Fields) => empty.has(toIndex(stream) ?? -1)
  if (empty.size === 0 || !streams.some((stream) => isCandidate(stream) && !isEmpty(stream))) return json
  const marked = streams.map((stream) => (isEmpty(stream) ? toEmpty(stream) : stream))
  return { ...toFields(json), streams: marked }
}

const toEmpty = (stream: Fields): Fields => ({ ...stream, is_empty: true })

/** Whether ffprobe read a packet. */
export function hasPackets(json: unknown): boolean {
  return toList(toFields(json).packets).length > 0
}

function toIndex({ index, stream_index: of }: Fields): number | null {
  return toNumber(index ?? of)
}
