import type { AudioStream } from 'mediad'

/**
 * Returns the options that select the audio and run it through filters. Mono tracks that belong together are joined first;
 * each is resampled on its own, because their timestamps can differ.
 */
export function toAudioInput(
  audio: AudioStream,
  { resampling, filters }: { resampling: readonly string[]; filters: readonly string[] },
): string[] {
  const { index, tracks } = audio
  if (!tracks) return ['-map', `0:${index}`, '-af', [...resampling, ...filters].join(',')]
  const inputs = tracks.map(
    (track, n) => `[0:${track.index}]${['channelmap=0:mono', ...resampling].join(',')}[mono${n}]`,
  )
  const labels = tracks.map((_, n) => `[mono${n}]`).join('')
  const layout = tracks.map(({ position }) => position).join('+')
  const map = tracks.map(({ position }, n) => `${n}.0-${position}`).join('|')
  const join = `join=inputs=${tracks.length}:channel_layout=${layout}:map=${map}`
  return [
    '-filter_complex',
    [...inputs, `${labels}${[join, ...filters].join(',')}[audio]`].join(';'),
    '-map',
    '[audio]',
  ]
}

/** Returns the stream indices of the audio. */
export function toAudioIndices({ index, tracks }: AudioStream): number[] {
  return tracks?.map((track) => track.index) ?? [index]
}
