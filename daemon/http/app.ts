import { H3 } from 'h3'
import type { DaemonLog } from '../vocabulary/log.ts'
import { createHooks } from './hooks.ts'
import { addRoutes, type HttpRoute } from './routes.ts'

/**
 * Creates the HTTP app from its routes. Every answer is JSON, every refusal is problem details (RFC 9457). Internal errors
 * stay internal: they are logged under the request's id, which the answer carries as `x-request-id`.
 */
export function createApp({ routes, log }: { routes: readonly HttpRoute[]; log: DaemonLog }): H3 {
  const app = new H3({
    silent: true,
    // such a path names nothing, and is answered like every other that does not
    allowMalformedURL: true,
    ...createHooks(log),
  })
  addRoutes(app, routes)
  return app
}
