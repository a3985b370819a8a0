/**
 * What an error means for the job it ends:
 * `retry` try again later · `reject` can never work, bury it · `release` we are stopping, somebody else goes on ·
 * `abandon` the job is another daemon's now: write nothing.
 */
export type Verdict = 'retry' | 'reject' | 'release' | 'abandon'

/** Every error code mediad gives, with its verdict. Codes are stable: documents, logs and dead messages carry them. */
export const errorCodes = {
  'input.not_media': 'reject',
  'input.no_av': 'reject',
  'input.empty': 'reject',
  'input.too_large': 'reject',
  'input.too_many_pixels': 'reject',
  'input.too_many_streams': 'reject',
  'input.source_gone': 'reject',
  'input.unsupported_codec': 'reject',
  'input.corrupt': 'reject',
  'input.truncated': 'reject',
  'input.encrypted': 'reject',
  'output.exists': 'reject',
  'output.key': 'reject',
  'transient.download': 'retry',
  'transient.storage': 'retry',
  'transient.queue': 'retry',
  'transient.stalled': 'retry',
  'resource.limit': 'reject',
  'transient.metadata': 'retry',
  'resource.disk': 'retry',
  'resource.memory': 'retry',
  'resource.no_room': 'release',
  'resource.workspace': 'release',
  'access.denied': 'release',
  'internal.ffmpeg': 'retry',
  'internal.ffmpeg_signal': 'retry',
  'internal.output': 'retry',
  'internal.plugin': 'retry',
  'internal.document': 'retry',
  'internal.crashed': 'retry',
  'message.invalid': 'reject',
  'lease.lost': 'abandon',
  'source.superseded': 'release',
  'daemon.stopping': 'release',
  'config.invalid': 'retry',
  'config.ffmpeg': 'retry',
  'config.storage': 'retry',
  'config.queue': 'retry',
  'config.terraform': 'retry',
} as const satisfies Record<string, Verdict>

/** A code of mediad's own, or one of a plugin's (`<family>.<what>`, lower case). */
export type ErrorCode = keyof typeof errorCodes | (string & {})

export type MediadErrorOptions = {
  cause?: unknown
  /** Only for codes that are not in {@link errorCodes}; default `retry`. */
  verdict?: Verdict
  /** The last lines a program printed before it failed. */
  stderr?: readonly string[]
}

/** A config may import another copy of mediad than the one that runs it: errors of both are the same. */
const brand = Symbol.for('mediad.error')

/**
 * The one error class: a stable code, the verdict that goes with it, and a message for the person who gets it
 * (what happened, to what, what to do).
 */
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

/** Turns whatever was thrown into a {@link MediadError}; what nobody classified is retried, under `fallback`. */
export function toMediadError(thrown: unknown, fallback: ErrorCode): MediadError {
  if (thrown instanceof MediadError) return thrown
  return new MediadError(fallback, toMessage(thrown), { cause: thrown })
}

/** The message of anything that can be thrown. */
export function toMessage(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name
  return String(thrown)
}

function isKnown(code: ErrorCode): code is keyof typeof errorCodes {
  return Object.hasOwn(errorCodes, code)
}
