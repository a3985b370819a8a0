import type { AudioStream, Probe } from 'mediad'
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
    const isNew = other.language !== undefined && tracks.every(({ language }) => language !== other.language)
    if (isNew) tracks.push(other)
  }
  return tracks
}
