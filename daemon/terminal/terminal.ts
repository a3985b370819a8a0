import { styleText } from 'node:util'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { createLog } from '../log/log.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** The output of a command: text on a terminal, otherwise one JSON object per line for programs. */
export type Terminal = {
  /** True if stdout is a terminal. */
  readonly human: boolean
  /** Characters per line of the terminal; infinite if it reports none. */
  readonly width: number
  readonly log: DaemonLog
  /** Prints `line` on a terminal, otherwise `fields` as a JSON line. */
  print(line: string, fields: Record<string, unknown>): void
  /** Prints the error of a command to stderr. */
  fail(error: unknown): void
}

/**
 * Loads the package that formats log lines for people only on a terminal: it is a noticeable part of a start.
 *
 * @param lowest level of the log, unless the environment sets one; default `info`
 */
export async function openTerminal(lowest?: (typeof LEVELS)[number]): Promise<Terminal> {
  const human = process.stdout.isTTY === true
  const level = toLevel(process.env.MEDIAD_LOG_LEVEL) ?? lowest
  const format = human ? (await import('../log/pretty.ts')).createPretty(!process.env.NO_COLOR) : undefined
  return {
    human,
    width: process.stdout.columns || Number.POSITIVE_INFINITY,
    log: createLog({ ...(format && { format }), ...(level && { level }) }),
    print(line, fields) {
      process.stdout.write(human ? `${line}\n` : `${JSON.stringify(fields)}\n`)
    },
    fail(error) {
      const code = error instanceof MediadError ? error.code : 'internal'
      const detail = error instanceof MediadError ? toMessage(error) : ((error as Error)?.stack ?? toMessage(error))
      process.stderr.write(
        process.stderr.isTTY
          ? `${styleText('red', `mediad: ${code}`)}\n${detail}\n`
          : `${JSON.stringify({ level: 'error', code, msg: detail })}\n`,
      )
    },
  }
}

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

function toLevel(name: string | undefined): (typeof LEVELS)[number] | undefined {
  return LEVELS.find((level) => level === name)
}
