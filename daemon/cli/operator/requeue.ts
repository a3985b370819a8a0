import { operate } from './operate.ts'
import { report } from './report.ts'
import type { Terminal } from '../../terminal/terminal.ts'

/** `mediad requeue ID|--all`: sends a new message for unfinished jobs. Returns 1 if one of them could not be sent. */
export async function requeue(
  terminal: Terminal,
  name: string | undefined,
  options: { config?: string },
): Promise<0 | 1> {
  return await operate(terminal, options, async ({ requeue: send, signal }) => {
    let code: 0 | 1 = 0
    let none = true
    for await (const outcome of send({ name, signal })) {
      none = false
      report(terminal, outcome)
      if (!outcome.done) code = 1
    }
    if (none && terminal.human) terminal.print('Nothing to requeue: every job is finished or being processed', {})
    return code
  })
}
