import { randomUUID } from 'node:crypto'
import { H3, type EventHandler, type H3Event } from 'h3'
import type { Config } from '../config/schema.ts'
import type { Log } from '../vocabulary/log.ts'
import type { Presign } from '../storage/presign.ts'
import { healthHandler, readyHandler, type Readiness } from './health.ts'
import { jobHandler, type ReadJob } from './job.ts'
import { presignHandler } from './presign.ts'
import { refuse, toProblem } from './problem.ts'

export type AppParts = {
  config: Config
  presign: Presign
  readJob: ReadJob
  isReady: () => Promise<Readiness>
  log: Log
}

/**
 * The HTTP edge: upload URLs, the state of jobs, health. Every answer is JSON; every refusal is problem details (RFC 9457);
 * what went wrong inside stays inside, and is logged under the request's id, which the answer carries as `x-request-id`.
 */
export function createApp(parts: AppParts): H3 {
  const { log } = parts
  const app = new H3({
    silent: true,
    // such a path names nothing, and is answered like every other that does not
    allowMalformedURL: true,
    onRequest: (event) => void traceOf(event),
    onResponse: (response, event) => finish(response, event, log),
    onError: (error, event) => {
      const { status, response } = toProblem(error)
      const { id } = traceOf(event)
      if (status >= 500) log.error({ err: error.cause ?? error, request: id, ...describe(event) }, 'a request failed')
      return response
    },
  })
  route(app, 'POST /video/pre-signed-url', presignHandler(parts))
  route(app, 'GET /video/:id', jobHandler(parts))
  route(app, 'GET /health', healthHandler())
  route(app, 'GET /ready', readyHandler(parts))
  return app
}

function route(app: H3, what: `${'GET' | 'POST'} /${string}`, handler: EventHandler): void {
  const [method = '', path = ''] = what.split(' ')
  const methods = method === 'GET' ? ['GET', 'HEAD'] : [method]
  const allow = methods.join(', ')
  for (const served of methods) app.on(served as 'GET', path, handler)
  app.all(path, () => {
    throw refuse({ status: 405, detail: `Use ${allow} here.`, code: 'request.method', headers: { allow } })
  })
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

function finish(response: Response, event: H3Event, log: Log): void {
  const { id, startedAt } = traceOf(event)
  response.headers.set('x-request-id', id)
  response.headers.set('cache-control', 'no-store')
  response.headers.set('x-content-type-options', 'nosniff')
  const seconds = (performance.now() - startedAt) / 1000
  // what is left of a body nobody wants is read and dropped, or the connection would stall
  if (response.status === 413) event.runtime?.node?.req.resume()
  log.debug({ request: id, ...describe(event), status: response.status, seconds }, 'request')
}

/** Without the query: nothing here takes one, and it may hold anything. */
function describe(event: H3Event): { method: string; path: string } {
  return { method: event.req.method, path: event.url.pathname.slice(0, 200) }
}
