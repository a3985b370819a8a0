import 'media-chrome'
import 'media-chrome/menu'
import { playPresentation } from './presentation.ts'

/** What a player plays. */
export type PlayerSource = {
  readonly kind: 'presentation' | 'video' | 'audio'
  readonly url: string
  readonly title: string
  readonly poster: string | null
  /** URL of WebVTT with the frames of the time bar. */
  readonly storyboard: string | null
  /** Width divided by height; null for audio. */
  readonly aspectRatio: number | null
  /** Token for requests of scripts to the endpoint; null without one. */
  readonly token: string | null
}

/** A player in the page. This module loads the controls, and hls.js for presentations; nothing else does. */
export async function mountPlayer(
  parent: HTMLElement,
  source: PlayerSource,
  onError: (text: string) => void,
): Promise<() => void> {
  const media = createMedia(source)
  media.addEventListener('error', () => onError(explainMediaError(media.error)))
  const end =
    source.kind === 'presentation'
      ? await playPresentation({ video: media as HTMLVideoElement, url: source.url, token: source.token, onError })
      : playFile(media, source.url)
  const controller = create('media-controller', { class: 'player', 'aria-label': source.title }, [
    media,
    ...(source.kind === 'audio'
      ? []
      : [create('media-loading-indicator', { slot: 'centered-chrome', noautohide: '' })]),
    ...createControls(source),
  ])
  if (source.kind === 'audio') controller.setAttribute('audio', '')
  else controller.style.aspectRatio = String(source.aspectRatio ?? 16 / 9)
  parent.replaceChildren(controller)
  return () => {
    end()
    controller.remove()
  }
}

function createMedia({ kind, poster, storyboard }: PlayerSource): HTMLMediaElement {
  const media = document.createElement(kind === 'audio' ? 'audio' : 'video')
  media.slot = 'media'
  media.preload = 'metadata'
  if (media instanceof HTMLVideoElement) {
    media.playsInline = true
    if (poster !== null) media.poster = poster
  }
  if (storyboard !== null)
    media.append(create('track', { kind: 'metadata', label: 'thumbnails', default: '', src: storyboard }))
  return media
}

function playFile(media: HTMLMediaElement, url: string): () => void {
  media.src = url
  return () => {
    media.removeAttribute('src')
    media.load()
  }
}

/** The controls, and the menus of those that have one. A menu without a choice, and its button, are not shown. */
function createControls({ kind }: PlayerSource): HTMLElement[] {
  const menus = [
    ...(kind === 'presentation' ? ['rendition', 'audio-track'] : []),
    ...(kind === 'audio' ? [] : ['captions']),
    'playback-rate',
  ]
  const bar = create('media-control-bar', {}, [
    create('media-play-button'),
    create('media-seek-backward-button', { seekoffset: '10', class: 'wide-only' }),
    create('media-seek-forward-button', { seekoffset: '10', class: 'wide-only' }),
    create('media-mute-button', { class: 'wide-only' }),
    create('media-volume-range', { class: 'wide-only' }),
    create('media-time-range'),
    create('media-time-display', { showduration: '' }),
    ...menus.map((name) => create(`media-${name}-menu-button`, name === 'playback-rate' ? { class: 'wide-only' } : {})),
    ...(kind === 'audio'
      ? []
      : [create('media-pip-button', { class: 'wide-only' }), create('media-fullscreen-button')]),
  ])
  return [...menus.map(createMenu), bar]
}

/** An empty header replaces the button of a submenu, which does not belong into a menu for screen readers. */
function createMenu(name: string): HTMLElement {
  return create(`media-${name}-menu`, { hidden: '', anchor: 'auto' }, [create('span', { slot: 'header', hidden: '' })])
}

function create(name: string, attributes: Record<string, string> = {}, children: (Node | string)[] = []): HTMLElement {
  const element = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value)
  element.append(...children)
  return element
}

function explainMediaError(error: MediaError | null): string {
  return error?.code === MediaError.MEDIA_ERR_NETWORK
    ? 'The connection was lost while the file was loaded.'
    : 'This browser cannot play the file. It may not support its codec; download it to play it in another program.'
}
