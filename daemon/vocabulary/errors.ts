/**
 * What an error means for its job:
 *
 * - `retry`: try again later.
 * - `reject`: trying again cannot help. Dead-letter the job.
 * - `release`: this daemon cannot go on, for example because it is stopping. Return the job to the work queue.
 * - `abandon`: another daemon owns the job now. Write nothing.
 */
export type Verdict = 'retry' | 'reject' | 'release' | 'abandon'

/**
 * Every error code of mediad with its verdict. Codes are stable: job documents, logs and dead messages contain them.
 */
export const errorCodes = {
  'input.not_media': 'reject',
  'input.no_av': 'reject',
  'input.empty': 'reject',
  'input.too_large': 'reject',
  'input.too_many_pixels': 'reject',
  'input.too_many_streams': 'reject',
  'input.source_gone': 'reject',
  'input.not_file': 'reject',
  'input.archived': 'reject',
  'input.key_unavailable': 'reject',
  'input.unsupported_codec': 'reject',
  'input.corrupt': 'reject',
  'input.truncated': 'reject',
  'input.encrypted': 'reject',
  'output.exists': 'reject',
  'output.key': 'reject',
  'output.too_many': 'reject',
  'output.unpublished': 'reject',
  'document.too_large': 'reject',
  'transient.download': 'retry',
  'transient.storage': 'retry',
  'transient.queue': 'retry',
  'transient.stalled': 'retry',
  'transient.authorize': 'retry',
  'resource.limit': 'reject',
  'transient.metadata': 'retry',
  'resource.disk': 'retry',
  'resource.memory': 'retry',
  'resource.hardware': 'retry',
  'resource.no_room': 'release',
  'resource.workspace': 'release',
  'access.denied': 'release',
  'internal.ffmpeg': 'retry',
  'internal.ffmpeg_signal': 'retry',
  'internal.output': 'retry',
  'internal.plugin': 'retry',
  'internal.plugin_timeout': 'retry',
  'internal.document': 'retry',
  'internal.crashed': 'retry',
  'internal.authorize': 'retry',
  'message.invalid': 'reject',
  'lease.lost': 'abandon',
  'source.superseded': 'release',
  'daemon.stopping': 'release',
  'daemon.launcher': 'release',
  'config.invalid': 'retry',
  'config.ffmpeg': 'retry',
  'config.storage': 'retry',
  'config.queue': 'retry',
  'config.terraform': 'retry',
} as const satisfies Record<string, Verdict>

/** A code of mediad, or one that a plugin defines: `<family>.<name>` in lower case. */
export type ErrorCode = keyof typeof errorCodes | (string & {})

export type MediadErrorOptions = {
  /** The error that caused this one. */
  cause?: unknown
  /** Verdict of a code that is not in {@link errorCodes}; default `retry`. It is ignored for the codes of mediad. */
  verdict?: Verdict
  /** The last lines that the failed program printed. */
  stderr?: readonly string[]
}

/** Makes `instanceof` work between copies of mediad: a config can import another copy than the one that runs it. */
const brand = Symbol.for('mediad.error')

/** The error class of mediad: a stable code, its verdict, and a message that says what happened and what to do. */
export class MediadError extends Error {
  override readonly name = 'MediadError'
  readonly [brand] = true
  readonly code: ErrorCode
  readonly verdict: Verdict
  readonly stderr: readonly string[]

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value
  }

  constructor(code: ErrorCode, message: string, options: MediadErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.verdict = isKnown(code) ? errorCodes[code] : (options.verdict ?? 'retry')
    this.stderr = options.stderr ?? []
  }
}

/** Converts anything that was thrown to a {@link MediadError}. An error without a code gets the code `fallback`. */
export function toMediadError(thrown: unknown, fallback: ErrorCode): MediadError {
  if (thrown instanceof MediadError) return thrown
  return new MediadError(fallback, toMessage(thrown), { cause: thrown })
}

/** Returns the message of anything that was thrown. */
export function toMessage(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name
  return String(thrown)
}

function isKnown(code: ErrorCode): code is keyof typeof errorCodes {
  return Object.hasOwn(errorCodes, code)
}
