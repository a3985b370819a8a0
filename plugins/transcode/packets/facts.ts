import type { RunContext } from 'mediad'
import { hasGaps, isHeaderInDoubt, type Encoded, type PacketFacts } from '../defects.ts'
import { countMissingFrames, listPackets, toHeldSeconds } from './packets.ts'
import type { Result } from '../result.ts'
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
  const [packets = []] = await listPackets(context, { tracks: [video.index], inputOptions: ['-copyts'] })
  return { missingFrames: countMissingFrames(packets, isBroadcast(format) ? CLOCK_JUMP_SECONDS : Infinity) }
}

/** Measures the tracks of a source whose header is in doubt. */
async function readHeld(context: RunContext, encoded: Encoded): Promise<PacketFacts> {
  if (!isHeaderInDoubt(encoded)) return {}
  const { video, audio } = context.probe
  const tracks = [video, audio].flatMap((stream) => (stream ? [stream.index] : []))
  const lists = await listPackets(context, { tracks, inputOptions: toStartOptions(context.probe) })
  const held = (stream: { index: number } | null) =>
    stream ? toHeldSeconds(lists[tracks.indexOf(stream.index)] ?? []) : 0
  return { heldSeconds: { video: held(video), audio: held(audio) } }
}
