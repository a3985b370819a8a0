import { MediadError } from '../vocabulary/errors.ts'

/** Maximum depth of causes. Deeper ones add nothing, and some libraries create circular causes. */
const MAX_CAUSE_DEPTH = 4

/** Replaces each error in the fields of an entry, or in a list in a field, with its code, verdict, message and causes. */
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
    cause: depth < MAX_CAUSE_DEPTH ? inner(error.cause) : undefined,
    errors: error instanceof AggregateError && depth < MAX_CAUSE_DEPTH ? error.errors.map(inner) : undefined,
    // A classified error explains itself; its stack is of no use to an operator.
    stack: error instanceof MediadError && error.cause === undefined ? undefined : toFrames(error),
  }
}

/** Returns the frames of the stack of an error. */
export function toFrames(error: Error): string[] | undefined {
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return frames?.map((line) => line.trim())
}
