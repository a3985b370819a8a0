import { MediadError, type AudioStream, type Probe } from 'mediad'
import { MAX_CHANNELS, toDownmixFilters, toMixing } from '../audio/downmix.ts'
import { toResamplingFilters } from '../audio/smoothing.ts'
import { toAudioInput } from '../audio/tracks.ts'
import { audioCodecs } from './codecs.ts'
import type { EncodeSettings } from './options.ts'
import { startsWithResult } from './timestamps.ts'

type AudioFilters = {
  /** Further filters, such as those of the loudness. */
  readonly further?: readonly string[] | undefined
  /** Number of the sample that the audio is padded to; below 0, it starts with silence before the result. */
  readonly firstSample?: number | undefined
}

/** Returns the options that select the audio, resample and downmix it, followed by further filters. */
export function toFilteredAudio(
  probe: Probe,
  audio: AudioStream,
  { further = [], firstSample = 0 }: AudioFilters = {},
): string[] {
  // when the audio format changes mid-stream, ffmpeg reinitialises the filters, and `first_pts=0` would insert the silence
  // again: it is only set where the audio has to be padded
  const canChange = mayChange(probe, audio)
  const padding = canChange && startsWithResult(probe, audio) ? '' : `:first_pts=${firstSample}`
  const downmix = toDownmixFilters(audio, canChange)
  return toAudioInput(audio, {
    resampling: toResamplingFilters({ padding, isMov: probe.format.startsWith('mov,') }),
    filters: [...downmix, ...further],
  })
}

/** Whether the audio format can change mid-stream: in broadcast codecs, and in containers without a header for all of it. */
export function mayChange({ format }: Probe, { codec }: AudioStream): boolean {
  return (
    ['ac3', 'eac3', 'dts', 'mp1', 'mp2', 'mp3'].includes(codec) || ['mpegts', 'mpeg', 'aac', 'ogg'].includes(format)
  )
}

/** Returns the options of the audio encoder, at 48 kHz. */
export function toAudioEncoderOptions({ audio: { codec, kbps } }: EncodeSettings): string[] {
  return ['-c:a', audioCodecs[codec].encoder, '-b:a', `${kbps}k`, '-ar', '48000']
}

/** Throws for more channels than can be mixed. */
export function assertMixable(audio: AudioStream | null): void {
  if (audio === null || audio.channels <= MAX_CHANNELS) return
  const message = `the audio has ${audio.channels} channels, of which at most ${MAX_CHANNELS} can be mixed to stereo`
  throw new MediadError('input.unsupported_codec', message)
}

/** Returns a warning about channels that are not mixed by their positions; null when there is nothing to report. */
export function toMixWarning(audio: AudioStream | null): string | null {
  if (audio === null || audio.channels <= 2) return null
  const mixing = toMixing(audio)
  if (mixing === 'equal')
    return `the ${audio.channels} audio channels have no known positions: all were mixed into both sides`
  return mixing === 'ambisonic' ? 'the audio is ambisonic: its left and right were mixed to stereo' : null
}
