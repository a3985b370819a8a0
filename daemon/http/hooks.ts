import { randomUUID } from 'node:crypto'
import type { H3Config, H3Event } from 'h3'
import { roundSeconds } from '../vocabulary/clock.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { toProblem } from './problem.ts'

/**
 * Headers of every response, errors included. Responses are data for programs: a browser must not cache them, guess their
 * type, run, frame or embed them, or send their URL as a referrer.
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
 * 1. `onRequest` before the route is looked up. Authorization belongs here; to reject a request, throw an error.
 * 2. `onError` when a hook or a handler has thrown, and when there is no route.
 * 3. `onResponse` for every response, errors included. Headers that depend on the request, such as those of CORS, belong
 *    next to {@link securityHeaders}.
 */
export function createHooks(log: DaemonLog): Required<Pick<H3Config, 'onRequest' | 'onError' | 'onResponse'>> {
  return {
    onRequest: (event) => void toTrace(event),
    onError: (error, event) => {
      const { status, response } = toProblem(error)
      const { id } = toTrace(event)
      if (status >= 500) {
        const cause = error.cause ?? error
        log.error({ event: 'http.request_failed', error: cause, request: id, ...describe(event) }, 'request failed')
      }
      return response
    },
    onResponse: (response, event) => {
      const { id, startedAt } = toTrace(event)
      const { status, headers } = response
      for (const [name, value] of Object.entries(securityHeaders)) headers.set(name, value)
      headers.set('x-request-id', id)
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

type Trace = { readonly id: string; readonly startedAt: number }

const traces = new WeakMap<H3Event, Trace>()

function toTrace(event: H3Event): Trace {
  const known = traces.get(event)
  if (known) return known
  const trace = { id: randomUUID(), startedAt: performance.now() }
  traces.set(event, trace)
  return trace
}

/** Describes a request for the log, without the query, which can contain anything. */
function describe(event: H3Event): { method: string; path: string } {
  return { method: event.req.method, path: event.url.pathname.slice(0, 200) }
}
