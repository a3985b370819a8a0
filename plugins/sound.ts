import type { AudioStream } from '../daemon/index.ts'
import { audioCodecs } from './codecs.ts'
import type { Recipe } from './recipe.ts'

/** Filters of a measured loudness go behind those that make the sound what it will be. */
export function toSoundFilters(audio: AudioStream, loudness: readonly string[] = []): string[] {
  return [
    // silence where sound is missing (from the very beginning), nothing where there is too much; from 0.03 s on, below which
    // it is the rounding of a container's clock
    'aresample=48000:async=1:min_hard_comp=0.03:first_pts=0',
    `aformat=channel_layouts=${audio.channels === 1 ? 'mono' : 'stereo'}`,
    ...loudness,
  ]
}

/** At most two channels, 48 kHz. */
export function toSoundOptions({ audio: { codec, kbps } }: Recipe, filters: readonly string[]): string[] {
  return ['-c:a', audioCodecs[codec].encoder, '-b:a', `${kbps}k`, '-af', filters.join(','), '-ar', '48000']
}
