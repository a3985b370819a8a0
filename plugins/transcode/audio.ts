import type { AudioStream, Probe } from 'mediad'
import { audioCodecs } from './codecs.ts'
import type { EncodeSettings } from './options.ts'
import { startsWithResult } from './timestamps.ts'

/** Returns the filters that resample and downmix the audio, followed by those of the loudness. */
export function toAudioFilters(probe: Probe, audio: AudioStream, loudness: readonly string[] = []): string[] {
  // when the audio format changes mid-stream, ffmpeg reinitialises the filters, and `first_pts=0` would insert the silence
  // again: it is only set where the audio has to be padded
  const padding = mayChange(probe, audio) && startsWithResult(probe, audio) ? '' : ':first_pts=0'
  return [
    ...(isOddPair(audio) ? ['channelmap=0|1:stereo'] : []),
    // fills gaps with silence and drops overlaps, from 0.03 s on: smaller differences are rounding of the container's
    // timestamps
    `aresample=48000:async=1:min_hard_comp=0.03${padding}`,
    `aformat=channel_layouts=${audio.channels === 1 ? 'mono' : 'stereo'}`,
    ...loudness,
  ]
}

/** Whether the two channels are not left and right, such as two back channels, which ffmpeg cannot downmix to stereo. */
function isOddPair({ channels, layout = 'stereo' }: AudioStream): boolean {
  return channels === 2 && !['stereo', 'downmix'].includes(layout)
}

/** Whether the audio format can change mid-stream: in broadcast codecs, and in containers without a header for all of it. */
export function mayChange({ format }: Probe, { codec }: AudioStream): boolean {
  return (
    ['ac3', 'eac3', 'dts', 'mp1', 'mp2', 'mp3'].includes(codec) || ['mpegts', 'mpeg', 'aac', 'ogg'].includes(format)
  )
}

/** Returns the options of the audio encoder, at 48 kHz. */
export function toAudioEncoderOptions(
  { audio: { codec, kbps } }: EncodeSettings,
  filters: readonly string[],
): string[] {
  return ['-c:a', audioCodecs[codec].encoder, '-b:a', `${kbps}k`, '-af', filters.join(','), '-ar', '48000']
}
