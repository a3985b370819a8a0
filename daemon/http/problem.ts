import { STATUS_CODES } from 'node:http'
import { HTTPError, HTTPResponse } from 'h3'
import { MediadError } from '../vocabulary/errors.ts'

export type Refusal = {
  status: number
  /** For the person who sent the request: what is wrong with it. */
  detail: string
  /** Stable, for programs. */
  code: string
  headers?: Record<string, string>
}

/** The answer to a request we do not serve, to be thrown. */
export function refuse({ status, detail, code, headers = {} }: Refusal): HTTPError {
  const error = new HTTPError({ status, message: detail, headers })
  refusals.set(error, { detail, code })
  return error
}

/** RFC 9457 problem details for whatever was thrown. Only what {@link refuse} was told goes out, nothing of other errors. */
export function toProblem(error: HTTPError): { status: number; response: HTTPResponse } {
  const refusal = refusals.get(error)
  const status = refusal ? error.status : toStatus(error)
  const body = { type: 'about:blank', title: toTitle(status), status, ...(refusal ?? fallbacks[status]) }
  const headers = refusal ? Object.fromEntries(error.headers ?? []) : status === 503 ? { 'retry-after': '5' } : {}
  return { status, response: toProblemResponse(body, headers) }
}

/** The same for the raw answer to what is no HTTP request at all. */
export function renderBareProblem(status: number): string {
  return JSON.stringify({ type: 'about:blank', title: toTitle(status), status })
}

/** Details of the refusals under way. h3 turns every error into an HTTPError: what is not in here is not ours. */
const refusals = new WeakMap<HTTPError, { detail: string; code: string }>()

const fallbacks: Record<number, { detail?: string; code: string }> = {
  400: { code: 'request.invalid' },
  404: { detail: 'There is nothing here.', code: 'request.not_found' },
  413: { detail: 'The request is too large.', code: 'request.too_large' },
  500: { code: 'internal' },
  503: { detail: 'The storage does not answer; try again.', code: 'transient.storage' },
}

/** h3's own refusals keep their status; an error of ours or of a library never sets it, whatever fields it has. */
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

function toProblemResponse(body: object, headers: Record<string, string>): HTTPResponse {
  return new HTTPResponse(JSON.stringify(body), {
    status: (body as { status: number }).status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
  })
}
