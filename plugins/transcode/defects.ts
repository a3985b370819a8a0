import type { Corruption, Probe } from 'mediad'
import { NOTICED_SECONDS, toDelaySeconds, toMaxRate } from './timestamps.ts'

/** Something that is wrong with a source; beyond a threshold it is an error. */
export type Defect = { readonly code: 'input.corrupt' | 'input.truncated' | null; readonly message: string }

/** What was made of a source. */
export type Made = {
  probe: Probe
  result: Probe
  corruption: Corruption
  /** Pictures in the result. */
  frames: number | null
  droppedFrames: number | null
}

/** The share of a stream's pictures, or of its sound, that may be damaged. */
const CORRUPT_SHARE = 0.02
/** How much may be missing at the end: where the container itself shows that it is cut, and where only its header says so. */
const MISSING = { cut: { share: 0.02, seconds: 0.1 }, claimed: { share: 0.1, seconds: 1 } } as const
/** For longer nobody lets a picture stand, whatever an index says. */
const LONGEST_SECONDS = 12 * 3600
/** What pictures are decoded earlier than they are shown, at most. */
const REORDERED_SECONDS = 1
/** AAC's, which others do not exceed by much. */
export const SAMPLES_PER_PACKET = 1024

/**
 * Says what was wrong with a source, by what came out of it and by what ffmpeg complained about. A header alone proves
 * little, as headers lie; a container that should be longer than it is proves that something is missing.
 */
export function findDefects(made: Made): Defect[] {
  return [...findUndecodable(made), ...findGaps(made), ...findDropped(made), ...findMissing(made)]
}

function findUndecodable({ probe: { video, audio }, result, corruption, frames }: Made): Defect[] {
  const packets = ((result.audio?.durationSeconds ?? 0) * (audio?.sampleRate ?? 0)) / SAMPLES_PER_PACKET
  return [
    ...toUndecodable('pictures', video ? (corruption.undecodable[video.index] ?? 0) : 0, frames ?? 0),
    ...toUndecodable('pieces of sound', audio ? (corruption.undecodable[audio.index] ?? 0) : 0, Math.round(packets)),
  ]
}

/** Where the container lost its thread, pictures of a steady rate can be counted. */
function findGaps({ probe: { video }, result, corruption, frames }: Made): Defect[] {
  if (!corruption.gaps || !video?.framesPerSecond || frames === null) return []
  const rate = Math.min(video.framesPerSecond, toMaxRate(video))
  const due = Math.round((result.video?.durationSeconds ?? 0) * rate)
  const lost = due - frames
  if (lost <= 1) return []
  const message = `about ${lost} of ${due} pictures are missing`
  return [{ code: lost > CORRUPT_SHARE * due ? 'input.corrupt' : null, message }]
}

/** Times that go back can be of a damaged file, or of a strange recorder's: what is left is what there is. */
function findDropped({ droppedFrames }: Made): Defect[] {
  if (!droppedFrames) return []
  return [{ code: null, message: `${droppedFrames} pictures were left out: their times do not grow` }]
}

function toUndecodable(what: string, broken: number, good: number): Defect[] {
  if (broken === 0) return []
  const share = broken / Math.max(broken, good)
  const message = `${broken} of about ${Math.max(broken, good)} ${what} are damaged or cannot be decoded`
  return [{ code: share > CORRUPT_SHARE ? 'input.corrupt' : null, message }]
}

type Ended = Pick<Made, 'probe' | 'corruption' | 'frames'>

/** Whether the container itself shows that something is missing, or ffmpeg says so. */
const isCut = ({ probe, corruption }: Pick<Made, 'probe' | 'corruption'>): boolean =>
  corruption.truncated || probe.truncated === true

/** Whether every picture is there that the container's index lists. */
function isComplete({ probe, corruption, frames }: Ended): boolean {
  return !isCut({ probe, corruption }) && probe.video?.packetCount != null && (frames ?? 0) >= probe.video.packetCount
}

/**
 * When the picture ends by the container's index, in the result's time; null where that is not known, or not believed. The
 * index counts from decoding to decoding, which ends some pictures early where they are reordered. The header's length
 * makes up for that, where it can be of the picture only; beyond a second it is no reordering, but a lie.
 */
export function toVideoEnd(made: Ended): number | null {
  const { probe, corruption } = made
  const { video, audio, durationSeconds: whole } = probe
  if (!video?.durationSeconds || corruption.gaps || !isComplete(made)) return null
  const indexed = Math.max(0, toDelaySeconds(probe, video)) + video.durationSeconds
  const isOfPicture =
    whole !== null &&
    isAll(probe) &&
    Math.abs(probe.startSeconds) <= NOTICED_SECONDS &&
    (audio === null || (audio.durationSeconds ?? Infinity) < whole)
  const isReordered = isOfPicture && whole > indexed && whole - indexed <= REORDERED_SECONDS
  const end = isReordered ? whole : indexed
  return end <= LONGEST_SECONDS ? end : null
}

const isAll = ({ skipped, subtitles }: Probe): boolean => skipped.length === 0 && subtitles.length === 0

function findMissing({ probe, result, corruption, frames }: Made): Defect[] {
  const cut = isCut({ probe, corruption })
  const complete = isComplete({ probe, corruption, frames })
  const flaws = kinds.flatMap((kind) => {
    const claimed = toClaim({ probe, result }, kind, cut)
    const held = result[kind]?.durationSeconds ?? result.durationSeconds ?? 0
    const missing = claimed === null ? [] : toMissing({ kind, claimed, held, cut })
    // the last one is only shown for long
    return kind === 'video' && complete ? missing.map(toNote) : missing
  })
  if (flaws.length > 0 || !cut) return flaws
  const { declaredBytes, sizeBytes } = probe
  if (declaredBytes && declaredBytes - sizeBytes > MISSING.cut.share * declaredBytes) {
    const message = `the file has ${sizeBytes} of the ${declaredBytes} bytes that it announces`
    return [{ code: 'input.truncated', message }]
  }
  return [{ code: null, message: 'the end of the file is missing: its last piece is incomplete' }]
}

const toNote = ({ message }: Defect): Defect => ({ code: null, message })

const kinds = ['video', 'audio'] as const
type Kind = (typeof kinds)[number]

type Length = { kind: Kind; claimed: number; held: number; cut: boolean }

function toMissing({ kind, claimed, held, cut }: Length): Defect[] {
  const missing = claimed - held
  const { share, seconds } = cut ? MISSING.cut : MISSING.claimed
  const most = Math.min(Math.max(seconds, share * claimed), 0.9 * claimed)
  if (missing <= Math.min(most, 0.5)) return []
  const what = kind === 'video' ? 'picture' : 'sound'
  const message = `the ${what} lasts ${held.toFixed(2)} s of the ${claimed.toFixed(2)} s that the file announces`
  return [{ code: missing > most ? 'input.truncated' : null, message }]
}

/** Its clock may jump: the last time minus the first is believed as far as the other track bears it out. */
function toBroadcastClaim(seconds: number | null, other: { durationSeconds: number | null } | null): number | null {
  return seconds === null || !other?.durationSeconds ? null : Math.min(seconds, other.durationSeconds)
}

/**
 * How long a stream says it is. The length of the whole file stands for it only where nothing else can be the longest, or
 * where the file is known to be cut.
 */
function toClaim({ probe, result }: Pick<Made, 'probe' | 'result'>, kind: Kind, cut: boolean): number | null {
  const stream = probe[kind]
  if (stream === null || probe.isDurationEstimated === true) return null
  if (probe.format === 'mpegts')
    return toBroadcastClaim(stream.durationSeconds, result[kind === 'video' ? 'audio' : 'video'])
  if (stream.durationSeconds !== null) return stream.durationSeconds
  return isAll(probe) || cut ? probe.durationSeconds : null
}
