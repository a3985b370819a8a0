import type { Outcome } from '../../operate/dead.ts'
import { toPlain } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'

/** What became of one job, in a line. */
export function report(terminal: Terminal, outcome: Outcome): void {
  const { id, key, done, detail } = outcome
  terminal.say(`${done ? '✔' : '✘'} ${toPlain(id)}${key === undefined ? '' : ` ${toPlain(key)}`}: ${toPlain(detail)}`, {
    ...outcome,
  })
}
