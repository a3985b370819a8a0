import type Hls from 'hls.js'

/** hls.js, which is loaded only for presentations. */
export type HlsModule = typeof Hls

/**
 * The lists of renditions and audio tracks of a presentation, as the menus of media-chrome read them from a media element:
 * array-like and iterable, with events for changes. Browsers have no such lists for presentations that a script plays.
 */
export type TrackList<Track> = EventTarget &
  Iterable<Track> & { readonly length: number; readonly [index: number]: Track }

export type RenditionTrack = {
  readonly id: string
  readonly width: number
  readonly height: number
  readonly bitrate: number
}
export type AudioTrackEntry = {
  readonly id: string
  readonly label: string
  readonly language: string
  enabled: boolean
}

function createList<Track>(): { list: TrackList<Track>; fill: (tracks: readonly Track[], event: string) => void } {
  const target = new EventTarget()
  let tracks: readonly Track[] = []
  const list = Object.defineProperties(target, {
    length: { get: () => tracks.length },
    [Symbol.iterator]: { value: () => tracks[Symbol.iterator]() },
  }) as TrackList<Track>
  const fill = (next: readonly Track[], event: string) => {
    tracks = next
    for (const index of next.keys())
      Object.defineProperty(target, index, { configurable: true, get: () => tracks[index] })
    target.dispatchEvent(new Event(event))
  }
  return { list, fill }
}

/** Gives a media element the list of renditions; a selected index of -1 lets hls.js choose. */
export function addRenditions(video: HTMLVideoElement, hls: Hls, { Events }: HlsModule): void {
  const { list, fill } = createList<RenditionTrack>()
  let selected = -1
  Object.defineProperty(list, 'selectedIndex', {
    get: () => selected,
    set(index: number) {
      selected = index
      hls.nextLevel = index
      list.dispatchEvent(new Event('change'))
    },
  })
  Object.defineProperty(video, 'videoRenditions', { value: list })
  hls.on(Events.MANIFEST_PARSED, (_, { levels }) => {
    const tracks = levels.map(({ width, height, bitrate }, index) => ({ id: String(index), width, height, bitrate }))
    fill(tracks, 'addrendition')
  })
}

/** Gives a media element the list of audio tracks. */
export function addAudioTracks(video: HTMLVideoElement, hls: Hls, { Events }: HlsModule): void {
  const { list, fill } = createList<AudioTrackEntry>()
  Object.defineProperty(video, 'audioTracks', { value: list })
  hls.on(Events.AUDIO_TRACKS_UPDATED, () => {
    const tracks = hls.audioTracks.map(({ name, lang }, index) => ({
      id: String(index),
      kind: 'main',
      label: name,
      language: lang ?? '',
      get enabled() {
        return hls.audioTrack === index
      },
      set enabled(isEnabled: boolean) {
        if (isEnabled) hls.audioTrack = index
      },
    }))
    fill(tracks.length > 1 ? tracks : [], 'addtrack') // a menu with one entry is not shown
  })
  hls.on(Events.AUDIO_TRACK_SWITCHED, () => void list.dispatchEvent(new Event('change')))
}
