import type { AudioStream, Probe } from 'mediad'
import { toLanguageTag } from '../streaming/master.ts'
import type { EncodeSettings } from '../transcode/options.ts'

/**
 * Returns the audio tracks to make renditions of: the selected one, and with `languages: 'all'` the best one of each further
 * language.
 */
export function toAudioTracks(
  { audio, otherAudio = [] }: Probe,
  { languages }: EncodeSettings['audio'],
): AudioStream[] {
  if (audio === null) return []
  const tracks = [audio]
  if (languages !== 'all') return tracks
  for (const other of otherAudio) {
    // `ger` and `deu` are one language
    const tag = toLanguageTag(other.language)
    const isNew = tag !== undefined && tracks.every(({ language }) => toLanguageTag(language) !== tag)
    if (isNew) tracks.push(other)
  }
  return tracks
}
