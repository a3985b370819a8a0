import { pino, type DestinationStream } from 'pino'
import type { Log } from '../vocabulary/log.ts'
import { describeErrors } from './error-fields.ts'
import { createPretty } from './pretty.ts'
import { escapeControls, redact } from './redact.ts'

export type LogOptions = {
  /** Lowest level that is written. Default `info`. */
  level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Write text for people on a terminal instead of one JSON object per line. Default false. */
  pretty?: boolean
  /** Use colors in the pretty form. Default false. */
  color?: boolean
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
  const { level = 'info', pretty = false, color = false } = options
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true })
  const render = pretty ? createPretty(color) : (line: string) => line
  const guarded: DestinationStream = { write: (line) => void destination.write(render(redact(escapeControls(line)))) }
  return pino(
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
}
