import { isHdr, type AudioStream, type Probe, type VideoStream } from 'mediad'
import { videoCodecs } from './codecs.ts'
import { isRgb, staysHdr } from '../frames/colour.ts'
import { toFinalSize, toLayout } from '../frames/size.ts'
import type { EncodeSettings } from './options.ts'
import { beginsWithResult, exceedsMaxRate } from './timestamps.ts'

/** Per stream: whether it goes into the result as it is. */
export type CopyPlan = { readonly video: boolean; readonly audio: boolean }

export const reencodeAll: CopyPlan = { video: false, audio: false }
export const copyAll: CopyPlan = { video: true, audio: true }

/** Decides what can be copied; null streams count as coded anew. */
export function toCopyPlan(settings: EncodeSettings, probe: Probe): CopyPlan {
  if (settings.copy === 'never' || !keepsExactTimes(probe)) return reencodeAll
  const { video, audio } = probe
  return {
    video: video !== null && isWantedVideo(settings, video) && beginsWithResult(probe, video),
    audio: audio !== null && isWantedAudio(settings, audio) && beginsWithResult(probe, audio),
  }
}

/** Only from containers that keep the coder's settings and exact times, as broadcast formats do not. */
function keepsExactTimes({ format }: Probe): boolean {
  return format.startsWith('mov,') || format.startsWith('matroska,')
}

/** The codec that is asked for, in a form that every player plays, in need of nothing. */
function isWantedVideo(settings: EncodeSettings, video: VideoStream): boolean {
  const { profiles, hdrProfiles, minSide } = videoCodecs[settings.codec]
  const hdr = staysHdr(video, settings.hdr)
  const size = toFinalSize(toLayout(video, { ...settings, minSide }))
  return [
    video.codec === settings.codec,
    (hdr ? hdrProfiles : profiles).includes(video.profile ?? ''),
    video.pixelFormat === (hdr ? 'yuv420p10le' : 'yuv420p'),
    hdr || !(isRgb(video) || video.primaries === 'bt2020' || isHdr(video)),
    video.range !== 'pc',
    video.rotation === 0 && video.mirrored !== true,
    video.interlaced !== true,
    (video.pixelAspect ?? 1) === 1,
    size.width === video.width && size.height === video.height,
    !exceedsMaxRate(video),
    !isTrimmed(video),
  ].every(Boolean)
}

/** An edit list hides pictures, which a copy would carry on: whoever cut them off believes them gone. */
function isTrimmed({ packetCount, framesPerSecond, durationSeconds }: VideoStream): boolean {
  if (!packetCount || !framesPerSecond || !durationSeconds) return false
  return packetCount / framesPerSecond - durationSeconds > 0.1
}

function isWantedAudio({ audio: wanted, loudness }: EncodeSettings, audio: AudioStream): boolean {
  const ordinary = audio.sampleRate === 48_000 || (audio.sampleRate === 44_100 && wanted.codec === 'aac')
  return [
    audio.codec === wanted.codec,
    wanted.codec !== 'aac' || audio.profile === 'LC',
    ordinary,
    audio.channels === 1 || audio.channels === 2,
    loudness === undefined,
  ].every(Boolean)
}
