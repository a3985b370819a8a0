import { SingleBar } from 'cli-progress'
import type { Terminal } from './terminal.ts'

/** A progress bar that is removed at the end. */
export type Bar = {
  /** Sets the progress, from 0 to 100, and the text after it. */
  update(percent: number, text?: string): void
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
  return {
    update: (percent, text) => bar.update(percent, text === undefined ? {} : { text }),
    stop: () => bar.stop(),
  }
}
