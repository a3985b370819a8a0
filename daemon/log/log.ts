import { pino, type DestinationStream } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { MediadError } from '../vocabulary/errors.ts'
import type { Log } from '../vocabulary/plugin.ts'

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
 * The log. It writes in this process and at once, so that nothing is lost when the process dies.
 *
 * Two things hold for every entry, whatever is logged: a control character of a value comes out as an escape (no value can
 * fake an entry or steer a terminal), and secrets (signatures, credentials and tokens in URLs, secret keys) do not come out.
 * Errors under any name are written with code, verdict and causes.
 */
export function createLog(options: LogOptions = {}): Log {
  const { level = 'info', pretty = false, color = false } = options
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true })
  const render = pretty ? createRender(color) : (line: string) => line
  const guarded: DestinationStream = { write: (line) => void destination.write(render(redact(escapeRest(line)))) }
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: (value: unknown) => value },
      formatters: { level: (label) => ({ level: label }), log: describeErrors, bindings: describeErrors },
    },
    guarded,
  )
}

/** What JSON leaves as it is, but terminals and viewers obey: DEL, C1 controls, line separators, changes of direction. */
const obeyed = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

function escapeRest(json: string): string {
  return json.replaceAll(obeyed, toUnicodeEscape)
}

const secretNames = [
  'X-Amz-Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
  'secretAccessKey',
  'sessionToken',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
]

/** `name=value` and `name%3Dvalue` in URLs, `"name":"value"` in JSON and in JSON within JSON, `name: 'value'` as Node prints it. */
const secret = new RegExp(String.raw`(${secretNames.join('|')})(\\*["']?\s*(?:[:=]|%3D)\s*\\*["']?)[^"'\\\s,&}]+`, 'gi')

function redact(json: string): string {
  return json.replaceAll(secret, '$1$2[redacted]')
}

function createRender(color: boolean): (line: string) => string {
  const shared = { colorize: color, translateTime: 'SYS:HH:MM:ss.l', errorLikeObjectKeys: [] }
  const inOneLine = prettyFactory({ ...shared, singleLine: true })
  const inBlocks = prettyFactory(shared)
  return (line) => {
    const entry = makeVisible(JSON.parse(line)) as Record<string, unknown>
    const isLong = Object.values(entry).some((value) => typeof value === 'object' && value !== null && 'stack' in value)
    return (isLong ? inBlocks : inOneLine)(entry) as string
  }
}

/** pino-pretty prints messages and stacks as they are and drops control characters elsewhere: show them as escapes first. */
function makeVisible(value: unknown): unknown {
  if (typeof value === 'string')
    return value.replaceAll(/\p{Cc}/gu, toUnicodeEscape).replaceAll(obeyed, toUnicodeEscape)
  if (Array.isArray(value)) return value.map(makeVisible)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [makeVisible(key), makeVisible(inner)]))
}

function toUnicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Causes deeper than this say nothing new, and some libraries make them circular. */
const DEEPEST_CAUSE = 4

function describeErrors(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, describeIfError(value)]))
}

function describeIfError(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((entry) => (entry instanceof Error ? describe(entry) : entry))
  return value instanceof Error ? describe(value) : value
}

function describe(error: Error, depth = 0): Record<string, unknown> {
  const { code, verdict, stderr } = error as Partial<MediadError>
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const inner = (value: unknown) => (value instanceof Error ? describe(value, depth + 1) : value)
  return {
    type: error.name,
    code,
    verdict,
    message: error.message,
    httpStatus: status,
    stderr: stderr?.length ? stderr : undefined,
    cause: depth < DEEPEST_CAUSE ? inner(error.cause) : undefined,
    errors: error instanceof AggregateError && depth < DEEPEST_CAUSE ? error.errors.map(inner) : undefined,
    // a classified error explains itself, where it was made helps nobody who runs the daemon
    stack: error instanceof MediadError && error.cause === undefined ? undefined : toFrames(error),
  }
}

function toFrames(error: Error): string[] | undefined {
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return frames?.map((line) => line.trim())
}
