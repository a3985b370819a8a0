import type Hls from 'hls.js'
import { base } from '../requests.ts'
import { addAudioTracks, addRenditions, type HlsModule } from './tracks.ts'

export type PlayPresentation = {
  video: HTMLVideoElement
  /** URL of the multivariant playlist. */
  url: string
  /** Token for requests to the endpoint; null without one. */
  token: string | null
  onError: (text: string) => void
}

/** Plays an HLS presentation, with hls.js where the browser lets scripts feed media. Returns a function that ends it. */
export async function playPresentation({ video, url, token, onError }: PlayPresentation): Promise<() => void> {
  const { default: Hls } = await import('hls.js')
  if (!Hls.isSupported()) {
    video.src = url // Safari on iPhones plays presentations itself
    return () => video.removeAttribute('src')
  }
  const hls = new Hls({
    enableWorker: false, // renditions are fragmented MP4, which needs no conversion
    xhrSetup(xhr, target) {
      if (token !== null && target.startsWith(`${base}/`)) xhr.setRequestHeader('authorization', `Bearer ${token}`)
    },
  })
  addRenditions(video, hls, Hls)
  addAudioTracks(video, hls, Hls)
  recover(hls, Hls, onError)
  hls.loadSource(url)
  hls.attachMedia(video)
  return () => hls.destroy()
}

/** Tries again after a failure of the network or of decoding; a second failure in a row ends playback. */
function recover(hls: Hls, { Events, ErrorTypes }: HlsModule, onError: (text: string) => void): void {
  let hasRecovered = false
  hls.on(Events.FRAG_BUFFERED, () => (hasRecovered = false))
  hls.on(Events.ERROR, (_, { fatal, type, response }) => {
    if (!fatal) return
    if (hasRecovered || (response?.code ?? 0) >= 400) return onError('The video cannot be loaded.')
    hasRecovered = true
    if (type === ErrorTypes.NETWORK_ERROR) hls.startLoad()
    else if (type === ErrorTypes.MEDIA_ERROR) hls.recoverMediaError()
    else onError('This browser cannot play the video.')
  })
}
