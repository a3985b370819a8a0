import { STATUS_CODES } from 'node:http'
import { HTTPError, HTTPResponse } from 'h3'
import { MediadError } from '../vocabulary/errors.ts'
import type { problemCodes, ProblemCode } from './problem-codes.ts'

export type ProblemDetails<Code extends ProblemCode = ProblemCode> = {
  /** A status of the code. */
  status: keyof (typeof problemCodes)[Code] & number
  /** Tells the sender of the request what is wrong with it. */
  detail: string
  /** Stable code, for programs. */
  code: Code
  headers?: Record<string, string>
  /** Why, for the log; the client does not get it. */
  cause?: unknown
}

/** Creates an error to throw for a request that cannot be served. */
export function problemError<Code extends ProblemCode>(problem: ProblemDetails<Code>): HTTPError {
  const { status, detail, code, headers = {}, cause } = problem
  const error = new HTTPError({ status, message: detail, headers })
  problems.set(error, { detail, code })
  causes.set(error, cause)
  return error
}

/** Converts an error to RFC 9457 problem details. Details come from {@link problemError} only; other errors are not exposed. */
export function toProblem(error: HTTPError): { status: number; response: HTTPResponse; cause: unknown } {
  const problem = problems.get(error)
  const status = problem ? error.status : toStatus(error)
  const body = { type: 'about:blank', title: toTitle(status), status, ...(problem ?? fallbacks[status]) }
  const headers = problem ? Object.fromEntries(error.headers ?? []) : status === 503 ? { 'retry-after': '5' } : {}
  return { status, response: toProblemResponse(body, headers), cause: causes.get(error) ?? error.cause ?? error }
}

/** Renders problem details without a code, for the raw response to something that is not a valid HTTP request. */
export function renderMinimalProblem(status: number): string {
  return JSON.stringify({ type: 'about:blank', title: toTitle(status), status })
}

/** Details of the errors created by {@link problemError}. h3 converts every error to an HTTPError; these are ours. */
const problems = new WeakMap<HTTPError, { detail: string; code: ProblemCode }>()

/** What the log shows instead of the details. */
const causes = new WeakMap<HTTPError, unknown>()

const fallbacks: Record<number, { detail?: string; code: ProblemCode }> = {
  400: { code: 'request.invalid' },
  404: { detail: 'There is no resource at this path.', code: 'request.not_found' },
  413: { detail: 'The request body is too large.', code: 'request.too_large' },
  500: { code: 'internal' },
  503: { detail: 'The storage does not respond. Try again.', code: 'transient.storage' },
}

/** Errors of h3 itself keep their status. Other errors get 500 or 503, whatever `status` field they have. */
function toStatus(error: HTTPError): number {
  if (error.unhandled) return isStorageDown(error.cause) ? 503 : 500
  return error.status in fallbacks ? error.status : error.status < 500 ? 400 : 500
}

function isStorageDown(error: unknown): boolean {
  return error instanceof MediadError && error.code === 'transient.storage'
}

function toTitle(status: number): string {
  return status === 500 ? 'Internal error' : (STATUS_CODES[status] ?? 'Error')
}

/** The reason phrase is all that some clients show: Uppy does not read the body of an error. */
function toProblemResponse(body: { status: number; title: string }, headers: Record<string, string>): HTTPResponse {
  return new HTTPResponse(JSON.stringify(body), {
    status: body.status,
    statusText: body.title,
    headers: { ...headers, 'content-type': 'application/problem+json' },
  })
}
