import { SingleBar } from 'cli-progress'
import type { Terminal } from './terminal.ts'

/** A progress bar that is removed at the end. */
export type Bar = {
  /** Sets the progress, from 0 to 100, and the text after it. */
  update(percent: number, text?: string): void
  /** Further calls have no effect. */
  stop(): void
}

/** Opens a progress bar on a terminal; otherwise it shows nothing. */
export function openBar({ human }: Pick<Terminal, 'human'>): Bar {
  if (!human) return { update: () => {}, stop: () => {} }
  const bar = new SingleBar({
    format: '{bar} {percentage}% {text}',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
  })
  bar.start(100, 0, { text: '' })
  let isOpen = true
  return {
    update: (percent, text) => bar.update(percent, text === undefined ? {} : { text }),
    stop() {
      if (isOpen) bar.stop()
      isOpen = false
    },
  }
}
