import type { Job } from './jobs/job.ts'

type ErrorDetails = {
  code: string
  detail: string
  status?: number
  requestId?: string | null
  isTransient?: boolean
  retryAfterSeconds?: number | null
  cause?: unknown
}

/** The error of everything that the client does. An operation that is aborted rejects with the reason of its signal instead. */
export class ClientError extends Error {
  /** A code of mediad, such as `request.invalid`, or one of the client itself, which starts with `client.`. */
  readonly code: string
  /** HTTP status of the response; null when there was none. */
  readonly status: number | null
  /** Describes the error for people. */
  readonly detail: string
  /** Finds the request in the log of mediad, or of S3; null when it is unknown. */
  readonly requestId: string | null
  /** True if the same request can succeed later. The client has already tried it several times. */
  readonly isTransient: boolean
  /** Seconds after which the server accepts another request; null when the response does not tell. */
  readonly retryAfterSeconds: number | null

  constructor({ code, detail, status, requestId, isTransient, retryAfterSeconds, cause }: ErrorDetails) {
    super(detail, cause === undefined ? undefined : { cause })
    this.name = 'ClientError'
    this.code = code
    this.detail = detail
    this.status = status ?? null
    this.requestId = requestId ?? null
    this.isTransient = isTransient ?? false
    this.retryAfterSeconds = retryAfterSeconds ?? null
  }
}

/** The job that was waited for has ended without success. `code` and `detail` are those of its error. */
export class JobDeadError extends ClientError {
  readonly job: Job

  constructor(job: Job) {
    super({ code: job.error?.code ?? 'client.job_dead', detail: job.error?.message ?? 'The job has failed.' })
    this.name = 'JobDeadError'
    this.job = job
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof ClientError && error.code === code
}

/** Creates the error for a request without a response. */
export function networkError(detail: string, cause?: unknown): ClientError {
  return new ClientError({ code: 'client.network', detail, isTransient: true, cause })
}

/** Creates a handler for what `fetch` rejects with: the reason of the signal, or a {@link networkError}. */
export function createNetworkHandler(url: string, signal?: AbortSignal): (cause: unknown) => never {
  return (cause) => {
    signal?.throwIfAborted()
    throw networkError(`There was no response from ${url.split('?')[0]}`, cause)
  }
}

/** Converts the response of mediad to an error: its problem details, or what a proxy before it responded. */
export async function toResponseError(response: Response): Promise<ClientError> {
  const { status, statusText, headers } = response
  // without its body, the status still describes the error
  const { code, detail, title } = parseProblem(await response.text().catch(() => ''))
  return new ClientError({
    code: code ?? 'client.response',
    detail: detail ?? title ?? `The response was ${status} ${statusText}.`,
    status,
    requestId: headers.get('x-request-id'),
    isTransient: isTransientStatus(status),
    retryAfterSeconds: toSeconds(headers.get('retry-after')),
  })
}

/** Converts the response of S3 to an error. A URL that S3 refuses has expired, or its signer's credentials have. */
export function toStorageError(status: number, text: string, retryAfter: string | null): ClientError {
  const read = (name: string) => new RegExp(`<${name}>([^<]+)`).exec(text)?.[1]
  const name = read('Code') ?? ''
  const isRefused = status === 403 || /Expired/.test(name)
  return new ClientError({
    code: isRefused ? 'client.refused' : name === 'NoSuchUpload' ? 'client.upload_gone' : 'client.storage',
    detail: `S3 responded with ${[status, name].join(' ').trim()}${read('Message') ? `: ${read('Message')}` : ''}`,
    status,
    requestId: read('RequestId') ?? null,
    isTransient: isTransientStatus(status) || name === 'RequestTimeout',
    retryAfterSeconds: toSeconds(retryAfter),
  })
}

const isTransientStatus = (status: number) => status === 408 || status === 429 || (status >= 500 && status !== 501)

/** Parses `retry-after`: seconds, or a date. */
function toSeconds(text: string | null): number | null {
  if (text === null) return null
  const seconds = /^\s*\d+\s*$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isNaN(seconds) ? null : Math.max(0, seconds)
}

function parseProblem(text: string): { code?: string; detail?: string; title?: string } {
  try {
    const problem: unknown = JSON.parse(text)
    return typeof problem === 'object' && problem !== null ? problem : {}
  } catch {
    return {}
  }
}
