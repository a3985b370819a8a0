import type { JSX } from 'preact'

/** Paths of icons on a grid of 24 by 24, drawn with strokes. */
const paths = {
  upload: 'M12 16V5m0 0-4.5 4.5M12 5l4.5 4.5M5 16v2a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-2',
  pause: 'M9 6v12M15 6v12',
  resume: 'M8 5.5v13l10-6.5z',
  cancel: 'm7 7 10 10M17 7 7 17',
  retry: 'M19 5v5h-5M5 19v-5h5M18.5 10A7 7 0 0 0 6 8M5.5 14A7 7 0 0 0 18 16',
  open: 'm6 9 6 6 6-6',
  video: 'M4 7a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM10 9.2v5.6l4.6-2.8z',
  audio: 'M9 17.5V6l9-2v11.5M9 17.5a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Zm9-2a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0Z',
  alert: 'M12 8v5m0 3.5v.1M4.2 18.5 12 5l7.8 13.5z',
  download: 'M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M5 19h14',
} as const

export type IconName = keyof typeof paths

/** An icon that says nothing to screen readers: the button or the text next to it does. */
export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}

type IconButtonProps = { name: IconName; label: string; onClick: () => void }

/** A button with an icon only. Its label is also its tooltip. */
export function IconButton({ name, label, onClick }: IconButtonProps): JSX.Element {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={onClick}>
      <Icon name={name} />
    </button>
  )
}
