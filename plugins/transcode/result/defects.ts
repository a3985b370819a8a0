import type { Corruption, Probe } from 'mediad'
import { toAudioIndices } from '../../audio/tracks.ts'
import { isBroadcast, TOLERANCE_SECONDS, toDelaySeconds } from '../timestamps.ts'

/** A defect of a source. `code` is the error that it amounts to; null when it is within the thresholds. */
export type Defect = { readonly code: 'input.corrupt' | 'input.truncated' | null; readonly message: string }

/** A source, and the result of encoding it. */
export type Encoded = {
  probe: Probe
  result: Probe
  corruption: Corruption
  /** Number of frames in the result. */
  frames: number | null
  droppedFrames: number | null
  packets?: PacketFacts
}

/** What the packets of source and result show, where a header or a message of ffmpeg is in doubt. */
export type PacketFacts = {
  /** Seconds of media that each track of the source holds. */
  readonly heldSeconds?: Readonly<Record<Kind, number>>
  /** Number of frames that are missing between others in the result. */
  readonly missingFrames?: number
}

/** Share of the frames, or of the audio packets, that can be corrupt. */
const CORRUPT_SHARE = 0.02
/** Number of audio packets that can be corrupt in any file: in a very short one, each is a large share. Nobody hears 0.04 s. */
const CORRUPT_AUDIO_PACKETS = 2
/**
 * How much can be missing at the end, as a share of the duration and at least in seconds: `truncated` when the container
 * itself shows that it is truncated, `header` when only the duration in its header does.
 */
const MISSING = { truncated: { share: 0.02, seconds: 0.1 }, header: { share: 0.1, seconds: 1 } } as const
/** Longest video that the last frame is extended to, whatever the index says. */
const LONGEST_SECONDS = 12 * 3600
/** Largest difference between decoding and presentation order, in seconds. */
const REORDERED_SECONDS = 1
/** Samples per packet of AAC; other codecs have about as many or fewer. */
export const SAMPLES_PER_PACKET = 1024

/**
 * Finds the defects of a source: compares the result with what the source declares, and counts the errors that ffmpeg
 * printed. A duration in a header is weak evidence, because headers can be wrong; a container that is shorter than its own
 * index proves that data is missing. So the two have different thresholds.
 */
export function findDefects(encoded: Encoded): Defect[] {
  return [
    ...findUndecodable(encoded),
    ...findGaps(encoded),
    ...findDropped(encoded),
    ...findUnmapped(encoded),
    ...findMissing(encoded),
  ]
}

/** Finds frames and audio packets that could not be decoded, or were decoded corrupt. */
function findUndecodable({ probe: { video, audio }, result, corruption, frames }: Encoded): Defect[] {
  const indices = audio ? toAudioIndices(audio) : []
  const samples = (result.audio?.durationSeconds ?? 0) * (audio?.sampleRate ?? 0) * indices.length
  const undecodable = indices.reduce((sum, index) => sum + (corruption.undecodable[index] ?? 0), 0)
  const frameErrors = video ? (corruption.undecodable[video.index] ?? 0) : 0
  return [
    ...toUndecodable('frames', frameErrors, { total: frames ?? 0, allowed: 0 }),
    ...toUndecodable('audio packets', undecodable, {
      total: samples / SAMPLES_PER_PACKET,
      allowed: CORRUPT_AUDIO_PACKETS,
    }),
  ]
}

/** Whether the demuxer lost sync in the video, so that frames can be missing between others. */
export const hasGaps = ({ probe, corruption }: Pick<Encoded, 'probe' | 'corruption'>): boolean =>
  corruption.gaps && probe.video !== null

/** Finds frames missing where the demuxer lost sync, by the intervals between frames. */
function findGaps(encoded: Encoded): Defect[] {
  const { frames, packets: { missingFrames: missing = 0 } = {} } = encoded
  if (!hasGaps(encoded) || missing <= 1) return []
  const expected = (frames ?? 0) + missing
  const message = `about ${missing} of ${expected} frames are missing`
  return [{ code: missing > CORRUPT_SHARE * expected ? 'input.corrupt' : null, message }]
}

/** Finds dropped frames. They are never an error: unusual recorders write non-monotonic timestamps, too. */
function findDropped({ droppedFrames }: Encoded): Defect[] {
  if (!droppedFrames) return []
  return [{ code: null, message: `frames dropped because of non-monotonic timestamps: ${droppedFrames}` }]
}

/** Finds tracks that others replace in a part of the file, because the program map changes. */
function findUnmapped({ probe: { mappedShare = 1 } }: Encoded): Defect[] {
  if (mappedShare === 1) return []
  const message = `the program map changes mid-stream: video and audio of the result are only ${Math.round(mappedShare * 100)} % of it`
  return [{ code: 1 - mappedShare > MISSING.truncated.share ? 'input.truncated' : null, message }]
}

function toUndecodable(what: string, undecodable: number, decoded: { total: number; allowed: number }): Defect[] {
  if (undecodable === 0) return []
  const total = Math.max(undecodable, Math.round(decoded.total))
  const message = `${undecodable} of about ${total} ${what} are corrupt or cannot be decoded`
  const isCorrupt = undecodable > decoded.allowed && undecodable / total > CORRUPT_SHARE
  return [{ code: isCorrupt ? 'input.corrupt' : null, message }]
}

/**
 * Whether the container itself, or ffmpeg's output about it, shows that the end of the file is missing. Uncompressed audio
 * that was streamed into a file always ends inside a packet of the size that the demuxer requests.
 */
const isTruncated = ({ probe, corruption }: Pick<Encoded, 'probe' | 'corruption'>): boolean =>
  probe.truncated === true ||
  (corruption.truncated &&
    !(probe.isStreamed === true && probe.video === null) &&
    !(probe.format === 'mpegts' && isInside(probe, corruption)))

/** Whether the last incomplete packet of an MPEG-TS is not at its end: data is missing there, as where streams were joined. */
function isInside({ startSeconds, durationSeconds }: Probe, { corruptTicks }: Corruption): boolean {
  if (corruptTicks == null || durationSeconds === null) return false
  return corruptTicks / 90_000 < startSeconds + durationSeconds - 1
}

/** Whether the result has every frame that the container's index lists. */
export function isComplete({ probe, corruption, frames }: Pick<Encoded, 'probe' | 'corruption' | 'frames'>): boolean {
  return (
    !isTruncated({ probe, corruption }) && probe.video?.packetCount != null && (frames ?? 0) >= probe.video.packetCount
  )
}

/**
 * Returns when the video ends according to the container's index, in seconds of the result; null when that is unknown or not
 * credible. The index counts durations in decoding order, so with reordered frames it ends too early. The duration in the
 * header is used instead where it can only be that of the video and is at most a second longer, the most that reordering
 * explains.
 */
export function toVideoEnd(encoded: Pick<Encoded, 'probe' | 'corruption' | 'frames'>): number | null {
  const { probe, corruption } = encoded
  const { video, audio, durationSeconds } = probe
  if (!video?.durationSeconds || corruption.gaps || !isComplete(encoded)) return null
  const indexed = Math.max(0, toDelaySeconds(probe, video)) + video.durationSeconds
  const isOfVideo =
    durationSeconds !== null &&
    usesAllTracks(probe) &&
    Math.abs(probe.startSeconds) <= TOLERANCE_SECONDS &&
    (audio === null || (audio.durationSeconds ?? Infinity) < durationSeconds)
  const isReordered = isOfVideo && durationSeconds > indexed && durationSeconds - indexed <= REORDERED_SECONDS
  const end = isReordered ? durationSeconds : indexed
  return end <= LONGEST_SECONDS ? end : null
}

/** Whether the source has no other tracks, so that its duration is that of the video or the audio. */
const usesAllTracks = ({ skipped, subtitles }: Probe): boolean => skipped.length === 0 && subtitles.length === 0

/**
 * Whether a duration in the header is the only sign that something is missing, although the file has every byte that its
 * container states. The packets then decide.
 */
export function isHeaderInDoubt(encoded: Encoded): boolean {
  if (encoded.probe.hasAllBytes !== true || encoded.corruption.gaps || isTruncated(encoded)) return false
  return findMissing(encoded).some(({ code }) => code !== null)
}

/** Finds video or audio that ends before its declared end, and files with fewer bytes than they declare. */
function findMissing({ probe, result, corruption, frames, packets }: Encoded): Defect[] {
  const truncated = isTruncated({ probe, corruption })
  const complete = isComplete({ probe, corruption, frames })
  const defects = kinds.flatMap((kind) => {
    const declared = toDeclaredSeconds({ probe, result }, kind, truncated)
    const actual = result[kind]?.durationSeconds ?? result.durationSeconds ?? 0
    const missing = declared === null ? [] : toMissing({ kind, declared, actual, truncated })
    const held = truncated ? undefined : packets?.heldSeconds?.[kind]
    const isHeld =
      held !== undefined && toMissing({ kind, declared: held, actual, truncated }).every(({ code }) => !code)
    // a long last frame, or a wrong header: no frame is missing
    return (kind === 'video' && complete) || isHeld ? missing.map(toWarning) : missing
  })
  if (defects.length > 0 || !truncated) return defects
  const { declaredBytes, sizeBytes } = probe
  if (declaredBytes && declaredBytes - sizeBytes > MISSING.truncated.share * declaredBytes) {
    const message = `the file has ${sizeBytes} of the ${declaredBytes} bytes that its header declares`
    return [{ code: 'input.truncated', message }]
  }
  return [{ code: null, message: 'the end of the file is missing: its last packet is incomplete' }]
}

const toWarning = ({ message }: Defect): Defect => ({ code: null, message })

const kinds = ['video', 'audio'] as const
type Kind = (typeof kinds)[number]

/** Durations of a track in seconds: as the source declares it, and in the result. */
type Durations = { kind: Kind; declared: number; actual: number; truncated: boolean }

function toMissing({ kind, declared, actual, truncated }: Durations): Defect[] {
  const missing = declared - actual
  const { share, seconds } = truncated ? MISSING.truncated : MISSING.header
  const threshold = Math.min(Math.max(seconds, share * declared), 0.9 * declared)
  if (missing <= Math.min(threshold, 0.5)) return []
  const message = `the ${kind} lasts ${actual.toFixed(2)} s of the ${declared.toFixed(2)} s that the file declares`
  return [{ code: missing > threshold ? 'input.truncated' : null, message }]
}

/**
 * Returns the declared duration of a track in MPEG-TS and MPEG-PS: the last timestamp minus the first. The clock can jump, so it counts
 * only up to the duration of the other track.
 */
function toBroadcastSeconds(seconds: number | null, other: { durationSeconds: number | null } | null): number | null {
  return seconds === null || !other?.durationSeconds ? null : Math.min(seconds, other.durationSeconds)
}

/**
 * Returns the duration that the source declares for a track; null when it is unknown. The duration of the file replaces that
 * of the track only where no other track can be longer, or where the file is known to be truncated.
 */
function toDeclaredSeconds(
  { probe, result }: Pick<Encoded, 'probe' | 'result'>,
  kind: Kind,
  truncated: boolean,
): number | null {
  const stream = probe[kind]
  // the duration of an Ogg is the timestamp of its last page, whose first one can be unknown
  if (stream === null || probe.isDurationEstimated === true || probe.format === 'ogg') return null
  if (isBroadcast(probe.format))
    return toBroadcastSeconds(stream.durationSeconds, result[kind === 'video' ? 'audio' : 'video'])
  if (stream.durationSeconds !== null) return stream.durationSeconds
  return usesAllTracks(probe) || truncated ? probe.durationSeconds : null
}
