import { MediadError, type RunContext } from 'mediad'
import { hasGaps, isHeaderInDoubt, type Encoded, type PacketFacts } from '../result/defects.ts'
import { countMissingFrames, fillsFile, listPackets, toHeldSeconds } from './packets.ts'
import type { Result } from '../result/result.ts'
import { CLOCK_JUMP_SECONDS, isBroadcast, toStartOptions } from '../timestamps.ts'

/** Adds the facts that {@link findDefects} needs about this source. Most sources need none. */
export async function withPacketFacts(context: RunContext, result: Result): Promise<Encoded> {
  const encoded = { ...result, probe: context.probe }
  return { ...encoded, packets: { ...(await readGaps(context, encoded)), ...(await readHeld(context, encoded)) } }
}

/** Counts the frames that are missing in a source in which the demuxer lost sync. */
async function readGaps(context: RunContext, encoded: Encoded): Promise<PacketFacts> {
  const { video, format } = context.probe
  if (!video || !hasGaps(encoded)) return {}
  try {
    const [packets = []] = await listPackets(context, { tracks: [video.index], inputOptions: ['-copyts'] })
    return { missingFrames: countMissingFrames(packets, isBroadcast(format) ? CLOCK_JUMP_SECONDS : Infinity) }
  } catch (error) {
    // a clock that goes back counts as one that wrapped: the timestamps grow by a day, and nothing can be counted
    if (error instanceof MediadError && error.code === 'resource.limit') return {}
    throw error
  }
}

/** Measures the tracks of a source whose header is in doubt. Nothing is known of a file in which the demuxer skips a part. */
async function readHeld(context: RunContext, encoded: Encoded): Promise<PacketFacts> {
  if (!isHeaderInDoubt(encoded)) return {}
  const { video, audio, skipped, sizeBytes } = context.probe
  const others = skipped.filter(({ type, codec }) => codec !== null && (type === 'video' || type === 'audio'))
  const tracks = [video, audio, ...others].flatMap((stream) => (stream ? [stream.index] : []))
  const lists = await listPackets(context, { tracks, inputOptions: toStartOptions(context.probe) })
  if (!fillsFile(lists, sizeBytes)) return {}
  const held = (stream: { index: number } | null) =>
    stream ? toHeldSeconds(lists[tracks.indexOf(stream.index)] ?? []) : 0
  return { heldSeconds: { video: held(video), audio: held(audio) } }
}
