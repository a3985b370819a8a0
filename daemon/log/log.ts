import { pino, type DestinationStream } from 'pino'
import type { Log } from '../vocabulary/log.ts'
import { describeErrors } from './error-fields.ts'
import { createPretty } from './pretty.ts'
import { escapeObeyed, redact } from './redact.ts'

export type LogOptions = {
  /** Least important level that is written. Default `info`. */
  level?: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** For people on a terminal; otherwise one JSON object per line. Default false. */
  pretty?: boolean
  /** Colors in the pretty form. Default false. */
  color?: boolean
  /** Gets each entry whole, with its line end. Default: standard output, written at once. */
  destination?: { write(text: string): unknown }
}

/**
 * Creates the log. It writes in this process and at once, so that nothing is lost when the process dies.
 *
 * Two things hold for every entry, whatever is logged: a control character of a value comes out as an escape (no value can
 * fake an entry or steer a terminal), and secrets (signatures, credentials and tokens in URLs, secret keys) do not come out.
 * Errors under any name are written with code, verdict and causes.
 */
export function createLog(options: LogOptions = {}): Log {
  const { level = 'info', pretty = false, color = false } = options
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true })
  const render = pretty ? createPretty(color) : (line: string) => line
  const guarded: DestinationStream = { write: (line) => void destination.write(render(redact(escapeObeyed(line)))) }
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
