import { MediadError } from '../vocabulary/errors.ts'

/** Causes deeper than this add nothing, and some libraries make them circular. */
const DEEPEST_CAUSE = 4

/** Replaces every error among the fields of an entry, or in a list there, by its code, verdict, message and causes. */
export function describeErrors(fields: Record<string, unknown>): Record<string, unknown> {
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
    // a classified error explains itself; where it was made helps nobody who runs the daemon
    stack: error instanceof MediadError && error.cause === undefined ? undefined : toFrames(error),
  }
}

function toFrames(error: Error): string[] | undefined {
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return frames?.map((line) => line.trim())
}
