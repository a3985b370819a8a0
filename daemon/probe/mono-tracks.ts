import { toFields, toInteger, toText, type Fields } from './fields.ts'

/** A mono track with the position of its speaker. */
type Labelled = { readonly stream: Fields; readonly position: string }

/** Positions of surround channels, by ffmpeg's names. A track with the layout `mono` counts as the centre beside one of them. */
const surround: readonly string[] = ['LFE', 'SL', 'SR', 'BL', 'BR', 'BC', 'FLC', 'FRC']

/**
 * Finds the mono tracks that together are stereo or surround, as cameras and editing programs write them: tracks with a
 * label of their speaker, including those of the front left and right, or of a stereo downmix. Only tracks of the chosen
 * one's language belong to it; of several tracks with one position, the first does. Null when the chosen track stands alone.
 * `audible` are the audio tracks that can be chosen.
 */
export function findMonoTracks(audible: readonly Fields[], chosen: Fields): readonly Labelled[] | null {
  const mono = audible.filter(
    (stream) => toInteger(stream.channels) === 1 && toLanguageTag(stream) === toLanguageTag(chosen),
  )
  const labelled = mono.map((stream) => ({ stream, position: toPosition(stream) }))
  const group = pairs
    .map((pair) => labelled.filter(({ position }) => pair.includes(position) || others(pair).includes(position)))
    .map(firsts)
    .find((tracks, n) => pairs[n]?.every((position) => tracks.some((track) => track.position === position)))
  if (!group) return null
  const hasSurround = group.some(({ position }) => surround.includes(position))
  const tracks = group
    .filter(({ position }) => hasSurround || position !== CENTRE)
    .toSorted((a, b) => order.indexOf(a.position) - order.indexOf(b.position))
  return tracks.some(({ stream }) => stream === chosen) ? tracks : null
}

const CENTRE = 'FC'

/** Positions in the order of ffmpeg's channels. */
const order: readonly string[] = 'FL FR FC LFE BL BR FLC FRC BC SL SR DL DR'.split(' ')

/** Pairs of positions that a group needs. */
const pairs: readonly (readonly string[])[] = [
  ['FL', 'FR'],
  ['DL', 'DR'],
]

/** Returns the positions that can accompany a pair. */
const others = ([first]: readonly string[]): readonly string[] => (first === 'FL' ? [CENTRE, ...surround] : [])

function firsts(tracks: readonly Labelled[]): Labelled[] {
  return tracks.filter(({ position }, n) => tracks.findIndex((track) => track.position === position) === n)
}

/** Returns the label of a mono track, which ffprobe prints as `1 channels (FL)`. `mono` is the name of the centre. */
function toPosition({ channel_layout: layout }: Fields): string {
  const text = toText(layout) ?? ''
  return text === 'mono' ? CENTRE : (/^1 channels? \((\w+)\)$/.exec(text)?.[1] ?? '')
}

const toLanguageTag = ({ tags }: Fields): string => toText(toFields(tags).language) ?? 'und'
