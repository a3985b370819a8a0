import type { Outcome } from '../../operate/dead.ts'
import { toPlain } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'

/** Prints the outcome for one job as a line. */
export function report(terminal: Terminal, outcome: Outcome): void {
  const { id, key, done, detail } = outcome
  terminal.print(
    `${done ? '✔' : '✘'} ${toPlain(id)}${key === undefined ? '' : ` ${toPlain(key)}`}: ${toPlain(detail)}`,
    {
      ...outcome,
    },
  )
}
