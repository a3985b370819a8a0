import { operate } from './operate.ts'
import { report } from './report.ts'
import type { Terminal } from '../../terminal/terminal.ts'

/** `mediad requeue ID|--all`: a new message for jobs that may have none; 1 when the one that was named got none. */
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
    if (none && terminal.human) terminal.say('nothing to send: every job is over, or somebody works on it', {})
    return code
  })
}
