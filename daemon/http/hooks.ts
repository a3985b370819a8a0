import { randomUUID } from 'node:crypto'
import type { H3Config, H3Event } from 'h3'
import { roundSeconds } from '../vocabulary/clock.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { toProblem } from './problem.ts'

/**
 * Headers of every answer, refusals included. Answers are data for programs: a browser must neither cache them, guess
 * their type, run, frame or embed them, nor pass their address on.
 */
export const securityHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/**
 * Returns what applies to every request whatever its route, in the order in which it runs:
 * 1. `onRequest` before the route is searched. A check of who is asking belongs here: it throws a refusal.
 * 2. `onError` when a hook or a handler has thrown, and when there is no route.
 * 3. `onResponse` for every answer, refusals included. Headers that depend on the request, such as those of CORS, belong
 *    beside {@link securityHeaders}.
 */
export function createHooks(log: DaemonLog): Required<Pick<H3Config, 'onRequest' | 'onError' | 'onResponse'>> {
  return {
    onRequest: (event) => void traceOf(event),
    onError: (error, event) => {
      const { status, response } = toProblem(error)
      const { id } = traceOf(event)
      if (status >= 500) {
        const cause = error.cause ?? error
        log.error({ event: 'http.request_failed', error: cause, request: id, ...describe(event) }, 'request failed')
      }
      return response
    },
    onResponse: (response, event) => {
      const { id, startedAt } = traceOf(event)
      const { status, headers } = response
      for (const [name, value] of Object.entries(securityHeaders)) headers.set(name, value)
      headers.set('x-request-id', id)
      // the rest of a body that was refused is read and dropped, or the connection would stall
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

function traceOf(event: H3Event): Trace {
  const known = traces.get(event)
  if (known) return known
  const trace = { id: randomUUID(), startedAt: performance.now() }
  traces.set(event, trace)
  return trace
}

/** Leaves the query out: no route takes one, and it can contain anything. */
function describe(event: H3Event): { method: string; path: string } {
  return { method: event.req.method, path: event.url.pathname.slice(0, 200) }
}
