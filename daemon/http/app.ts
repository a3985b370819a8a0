import { H3 } from 'h3'
import type { Config } from '../config/config.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { createAccess } from './access/authorize.ts'
import { limitBody } from './body.ts'
import { createHooks, createPreflight } from './hooks.ts'
import type { HttpRoute } from './route.ts'
import { addRoutes } from './routes.ts'

export type AppDeps = {
  routes: readonly HttpRoute[]
  http: Pick<Config['http'], 'authorize' | 'cors' | 'rateLimit' | 'trustProxy'>
  log: DaemonLog
}

/**
 * Creates the HTTP app from its routes. Every response is JSON; errors are problem details (RFC 9457). Internal errors are
 * logged under the request's id, which the response has as `x-request-id`, and not exposed to the client.
 */
export function createApp({ routes, http, log }: AppDeps): H3 {
  const app = new H3({
    silent: true,
    // a malformed path gets the same 404 as any other unknown path
    allowMalformedURL: true,
    ...createHooks(http, log),
  })
  app.use(createPreflight(http))
  app.use(createAccess({ ...http, log }))
  addRoutes(app, routes.map(limitBody))
  return app
}
