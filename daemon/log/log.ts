import { pino, type DestinationStream, type Logger } from 'pino'
import type { Log } from '../vocabulary/log.ts'
import { describeErrors } from './error-fields.ts'
import { escapeControls, redact } from './redact.ts'

export type LogOptions = {
  /** Lowest level that is written. Default `info`. */
  level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Formats each line of JSON for people, see `pretty.ts`. Default: lines are written as they are. */
  format?: (line: string) => string
  /** Receives each complete entry with its line end. Default: standard output, written synchronously. */
  destination?: { write(text: string): unknown }
}

/**
 * Creates the log. It writes synchronously in this process, so that no entry is lost when the process dies.
 *
 * Two guarantees hold for every entry: control characters in values are written as escapes (so a value cannot fake an entry
 * or control a terminal), and secrets (signatures, credentials and tokens in URLs, secret keys) are redacted. Errors in any
 * field are written with code, verdict and causes.
 */
export function createLog(options: LogOptions = {}): Log {
  const { level = 'info', format = (line) => line } = options
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true })
  const guarded: DestinationStream = { write: (line) => void destination.write(format(redact(escapeControls(line)))) }
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      errorKey: 'error',
      serializers: { error: (value: unknown) => value },
      formatters: { level: (label) => ({ level: label }), log: describeErrors, bindings: describeErrors },
    },
    guarded,
  )
  return withUniqueFields(logger, {})
}

/**
 * Writes a field that a child already has only once: JSON with a name twice is read differently by different programs. A
 * field with another value gets an underscore, because the child's fields say which job a line belongs to.
 */
function withUniqueFields(logger: Logger, known: Readonly<Record<string, unknown>>): Log {
  const method =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (first: object | string, message?: string): void => {
      if (typeof first === 'string') logger[level](first)
      else logger[level](first instanceof Error ? first : toUnique(first, known), message)
    }
  return {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    child(fields) {
      const unique = toUnique(fields, known)
      return withUniqueFields(logger.child(unique), { ...known, ...unique })
    },
  }
}

function toUnique(fields: object, known: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(fields).flatMap(([name, value]): [string, unknown][] => {
    if (!Object.hasOwn(known, name)) return [[name, value]]
    return known[name] === value ? [] : [[`${name}_`, value]]
  })
  return Object.fromEntries(entries)
}
