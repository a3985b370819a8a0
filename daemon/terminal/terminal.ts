import { styleText } from 'node:util'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { createLog } from '../log/log.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** Where a command talks: people on a terminal get sentences, programs get one JSON object per line. */
export type Terminal = {
  /** Whether a person is looking. */
  readonly human: boolean
  readonly log: DaemonLog
  /** A line for people, or `fields` as a JSON line for programs. */
  say(line: string, fields: Record<string, unknown>): void
  /** A command's failure, on stderr. */
  fail(error: unknown): void
}

export function openTerminal(): Terminal {
  const human = process.stdout.isTTY === true
  const level = toLevel(process.env.MEDIAD_LOG_LEVEL)
  return {
    human,
    log: createLog({ pretty: human, color: human && !process.env.NO_COLOR, ...(level && { level }) }),
    say(line, fields) {
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
