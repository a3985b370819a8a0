import { randomUUID } from 'node:crypto'
import { HTTPResponse, type H3Config, type H3Event, type Middleware } from 'h3'
import type { Config } from '../config/config.ts'
import { roundSeconds } from '../vocabulary/clock.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { toProblem } from './problem.ts'

/**
 * Headers of every response, errors included. Responses are data for programs: a browser must not cache them, guess their
 * type, run, frame or embed them, or send their URL as a referrer. A route can set another value, as that of the page does.
 */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/**
 * Creates the hooks that apply to every request, whatever its route, in the order in which they run:
 * 1. `onRequest` before the route is looked up. The preflight and the authorization come next: they know the route.
 * 2. `onError` when a hook or a handler has thrown, and when there is no route.
 * 3. `onResponse` for every response, errors included. Headers that depend on the request, such as those of CORS, are
 *    set here, next to {@link securityHeaders}.
 */
export function createHooks(
  { cors }: Pick<Config['http'], 'cors'>,
  log: DaemonLog,
): Required<Pick<H3Config, 'onRequest' | 'onError' | 'onResponse'>> {
  return {
    onRequest: (event) => void toTrace(event),
    onError: (error, event) => {
      const { status, response, cause } = toProblem(error)
      const { id } = toTrace(event)
      if (status >= 500) {
        log.error({ event: 'http.request_failed', error: cause, request: id, ...describe(event) }, 'request failed')
      }
      return response
    },
    onResponse: (response, event) => {
      const { id, startedAt } = toTrace(event)
      const { status, headers } = response
      // a handler can set one of these itself, such as a time for caches
      for (const [name, value] of Object.entries(securityHeaders)) if (!headers.has(name)) headers.set(name, value)
      headers.set('x-request-id', id)
      // keeps a cache from giving the response to pages of another origin
      if (cors.length > 0) headers.append('vary', 'origin')
      for (const [name, value] of Object.entries(toCorsHeaders(event, cors))) headers.set(name, value)
      // read and discard the rest of a body that is too large, or the connection would stall
      if (status === 413) event.runtime?.node?.req.resume()
      const seconds = roundSeconds((performance.now() - startedAt) / 1000)
      log.debug(
        { event: 'http.request_finished', request: id, ...describe(event), status, seconds },
        'request finished',
      )
    },
  }
}

/**
 * Creates the response to the preflight of a browser, for pages of the configured origins. Other preflights, and other OPTIONS
 * requests, reach the routes, which respond with 405.
 */
export function createPreflight({ cors }: Pick<Config['http'], 'cors'>): Middleware {
  return ({ req }) => {
    const isPreflight = req.method === 'OPTIONS' && req.headers.has('access-control-request-method')
    if (!isPreflight || !cors.includes(req.headers.get('origin') ?? '')) return undefined
    const headers = {
      'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
      'access-control-allow-headers': 'authorization, content-type, last-event-id',
      'access-control-max-age': '600',
    }
    return new HTTPResponse(null, { status: 204, headers })
  }
}

/** Without `access-control-allow-credentials`: pages of other origins send a token and no cookies. */
function toCorsHeaders({ req }: H3Event, cors: readonly string[]): Record<string, string> {
  const origin = req.headers.get('origin') ?? ''
  if (!cors.includes(origin)) return {}
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'retry-after, x-request-id',
  }
}

type Trace = { readonly id: string; readonly startedAt: number }

const traces = new WeakMap<H3Event, Trace>()

function toTrace(event: H3Event): Trace {
  const known = traces.get(event)
  if (known) return known
  const trace = { id: randomUUID(), startedAt: performance.now() }
  traces.set(event, trace)
  return trace
}

/** Describes a request for the log, without the query, which can contain anything, and without the token of an upload. */
function describe(event: H3Event): { method: string; path: string } {
  const path = event.url.pathname.replace(/^(\/s3\/multipart\/)[^/]+/, '$1:uploadId')
  return { method: event.req.method, path: path.slice(0, 200) }
}
