import type { AudioStream, Probe } from 'mediad'
import { audioCodecs } from './codecs.ts'
import type { EncodeSettings } from './options.ts'
import { beginsWithResult } from './timestamps.ts'

/** Filters of a measured loudness go behind those that make the sound what it will be. */
export function toAudioFilters(probe: Probe, audio: AudioStream, loudness: readonly string[] = []): string[] {
  // should the sound change its form on the way, ffmpeg begins anew, and with the silence as well: only where it is needed
  const fromTheBeginning = mayChange(probe, audio) && beginsWithResult(probe, audio) ? '' : ':first_pts=0'
  return [
    ...(isOddPair(audio) ? ['channelmap=0|1:stereo'] : []),
    // silence where sound is missing, nothing where there is too much; from 0.03 s on, below which it is the rounding of a
    // container's clock
    `aresample=48000:async=1:min_hard_comp=0.03${fromTheBeginning}`,
    `aformat=channel_layouts=${audio.channels === 1 ? 'mono' : 'stereo'}`,
    ...loudness,
  ]
}

/** Two channels that are not left and right, such as the two at the back: ffmpeg knows no way to mix them. */
function isOddPair({ channels, layout = 'stereo' }: AudioStream): boolean {
  return channels === 2 && !['stereo', 'downmix'].includes(layout)
}

/** Broadcasts go from stereo to surround and back; and what has no header can be put together of anything. */
function mayChange({ format }: Probe, { codec }: AudioStream): boolean {
  return (
    ['ac3', 'eac3', 'dts', 'mp1', 'mp2', 'mp3'].includes(codec) || ['mpegts', 'mpeg', 'aac', 'ogg'].includes(format)
  )
}

/** At most two channels, 48 kHz. */
export function toAudioEncoderOptions(
  { audio: { codec, kbps } }: EncodeSettings,
  filters: readonly string[],
): string[] {
  return ['-c:a', audioCodecs[codec].encoder, '-b:a', `${kbps}k`, '-af', filters.join(','), '-ar', '48000']
}
