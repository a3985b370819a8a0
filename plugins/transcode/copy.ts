import { isHdr, type AudioStream, type Probe, type VideoStream } from 'mediad'
import { videoCodecs } from './codecs.ts'
import { hasOneMeaning, readEvidence, toEvidenceOutput, type Units } from '../bitstream/evidence.ts'
import { SAMPLES_PER_PACKET } from './result/defects.ts'
import { detections } from '../frames/mid-stream.ts'
import { isMisleading, staysHdr } from '../frames/colour.ts'
import { isRgb } from '../frames/pixels.ts'
import { toFinalSize, toLayout } from '../frames/size.ts'
import type { EncodeSettings } from './options.ts'
import type { Result } from './result/result.ts'
import { startsWithResult, exceedsMaxRate } from './timestamps.ts'

/** Whether each track is copied into the result without re-encoding, and which units of copied video. Default: all. */
export type CopyPlan = { readonly video: boolean; readonly audio: boolean; readonly units?: Units }

export const reencodeAll: CopyPlan = { video: false, audio: false }
export const copyAll: CopyPlan = { video: true, audio: true }

/** Lists the copied tracks, for the job document. */
export function toCopiedTracks(plan: CopyPlan): ('video' | 'audio')[] {
  return (['video', 'audio'] as const).filter((track) => plan[track])
}

/**
 * Decides which tracks can be copied: those that already are as requested and play everywhere. A track that is missing is not
 * copied.
 */
export function toCopyPlan(settings: EncodeSettings, probe: Probe): CopyPlan {
  if (settings.copy === 'never' || !keepsExactTimestamps(probe)) return reencodeAll
  const { video, audio } = probe
  return {
    video: video !== null && isWantedVideo(settings, video) && startsWithResult(probe, video),
    audio: audio !== null && isWantedAudio(settings, audio) && startsWithResult(probe, audio),
  }
}

/** Whether the container keeps the codec configuration and exact timestamps: MP4, MOV, Matroska and WebM. */
function keepsExactTimestamps({ format }: Probe): boolean {
  return format.startsWith('mov,') || format.startsWith('matroska,')
}

/**
 * Whether video can be copied: the requested codec with a profile, pixel format and range that every player supports, a size
 * within the box, a credible frame rate, and nothing to convert (no HDR, wide gamut, rotation, interlacing, non-square pixels
 * or odd size) nor to remove (edit list).
 */
function isWantedVideo(settings: EncodeSettings, video: VideoStream): boolean {
  const { profiles, hdrProfiles, minSide } = videoCodecs[settings.codec]
  const hdr = staysHdr(video, settings.hdr)
  const size = toFinalSize(toLayout(video, { ...settings, minSide }))
  return [
    video.codec === settings.codec,
    (hdr ? hdrProfiles : profiles).includes(video.profile ?? ''),
    video.pixelFormat === (hdr ? 'yuv420p10le' : 'yuv420p'),
    !(hdr && isMisleading(video)),
    hdr || !(isRgb(video) || video.primaries === 'bt2020' || isHdr(video)),
    video.range !== 'pc',
    video.rotation === 0 && video.mirrored !== true,
    video.interlaced !== true,
    (video.pixelAspect ?? 1) === 1,
    size.width === video.width && size.height === video.height,
    !exceedsMaxRate(video),
    !hasHiddenFrames(video),
    isUniform(video),
    video.parameterSets?.length !== 0,
  ].every(Boolean)
}

/**
 * Whether an edit list hides more than 0.1 s of frames. A copy would still contain them, although the person who trimmed the
 * video assumes that they are gone.
 */
function hasHiddenFrames({ packetCount, framesPerSecond, durationSeconds }: VideoStream): boolean {
  if (!packetCount || !framesPerSecond || !durationSeconds) return false
  return packetCount / framesPerSecond - durationSeconds > 0.1
}

/**
 * Whether a copy would have the whole track: a copy has one sample description, and no edit list that cuts it. Frames of other
 * descriptions would be decoded with the wrong parameters.
 */
function isUniform({ descriptionCount = 1, isCut = false }: Pick<VideoStream, 'descriptionCount' | 'isCut'>): boolean {
  return descriptionCount === 1 && !isCut
}

/** Whether audio can be copied: the requested codec (AAC as LC), mono or stereo, at 48 kHz (AAC also at 44.1 kHz). */
function isWantedAudio({ audio: wanted, loudness }: EncodeSettings, audio: AudioStream): boolean {
  const isCommonRate = audio.sampleRate === 48_000 || (audio.sampleRate === 44_100 && wanted.codec === 'aac')
  return [
    audio.codec === wanted.codec,
    wanted.codec !== 'aac' || audio.profile === 'LC',
    isCommonRate,
    audio.channels === 1 || audio.channels === 2,
    isUniform(audio),
    audio.tracks === undefined,
    loudness === undefined,
    !hasAbsurdDuration(audio),
  ].every(Boolean)
}

/** Whether AAC lasts over a second longer than its packets: a copy would keep the wrong duration of a packet. */
function hasAbsurdDuration({ codec, packetCount, durationSeconds, sampleRate }: AudioStream): boolean {
  if (codec !== 'aac' || !packetCount || !durationSeconds) return false
  return durationSeconds - (packetCount * SAMPLES_PER_PACKET) / sampleRate > 1
}

/** Returns the output with the evidence of copied video; null when none is copied, or its codec needs none. */
export function toEvidence(
  plan: CopyPlan,
  { video }: Probe,
  output: { path: string; metadata: EncodeSettings['metadata'] },
): ReturnType<typeof toEvidenceOutput> {
  return plan.video && video ? toEvidenceOutput(video, { ...output, units: plan.units ?? 'all' }) : null
}

/** A run that copied streams; `units` is the path of the evidence, null when there is none. */
type Copied = { encoded: Pick<Result, 'corruption' | 'result'>; probe: Probe; units: string | null }
type PlanChange = { readonly reason: string; readonly plan: CopyPlan }

/** Returns another plan, and the reason for it, when a copied stream changes mid-stream or the copy is not what it should be. */
export async function findPlanChange(plan: CopyPlan, { encoded, probe, units }: Copied): Promise<PlanChange | null> {
  const unchanging = withoutChanging(plan, encoded.corruption.detections)
  if (unchanging !== plan) return { reason: 'changes', plan: unchanging }
  if (!plan.video || !probe.video || units === null) return null
  const evidence = await readEvidence(units, probe.video)
  // in Matroska, players read the parameter sets among the frames
  const inContainer = encoded.result.video?.parameterSets ?? probe.video.parameterSets ?? null
  if (evidence === null || !hasOneMeaning(evidence, probe.video, inContainer))
    return { reason: 'parameter sets', plan: { ...plan, video: false } }
  if (!evidence.isPrivate) return null
  const isRemovable = plan.units === undefined && !evidence.isNeeded
  return {
    reason: 'user data',
    plan: isRemovable ? { ...plan, units: 'withoutMetadata' } : { ...plan, video: false },
  }
}

/**
 * Returns the plan without copies of tracks in which the decode check detected something: video that changes, audio whose
 * timestamps are not continuous. Returns the same plan if there is none.
 */
function withoutChanging(plan: CopyPlan, detected: readonly number[]): CopyPlan {
  const [audio, video] = [detected.includes(detections.jitter), detected.some((one) => one !== detections.jitter)]
  if (!(plan.video && video) && !(plan.audio && audio)) return plan
  return { ...plan, video: plan.video && !video, audio: plan.audio && !audio }
}
