import type { H3 } from 'h3'
import type { Config } from '../config/config.ts'
import type { PresignGet } from '../storage/presign.ts'
import type { ReadSmall } from '../storage/small.ts'
import { getHealth, getReadiness, healthHandler, readyHandler, type Readiness } from './monitoring/health.ts'
import { filesHandler, getFile } from './jobs/files/handler.ts'
import type { FindSource, ReadJob } from './jobs/find.ts'
import { listHandler, type ListPage } from './jobs/list.ts'
import { jobHandler, keyHandler } from './jobs/job.ts'
import { followJob, followKey, getJob, getJobByKey, listJobs } from './jobs/operations.ts'
import { eventsHandler, keyEventsHandler } from './jobs/stream/handler.ts'
import type { Streams } from './jobs/stream/streams.ts'
import type { Watches } from './jobs/stream/watch.ts'
import { getMetrics, metricsHandler, type RenderMetrics } from './monitoring/metrics.ts'
import { openApiRoute } from './openapi/handler.ts'
import { pageRoutes } from './page/page.ts'
import type { PresignHandlerDeps } from './uploads/presign.ts'
import { createUploadRoutes } from './uploads/routes.ts'
import { problemError } from './problem.ts'
import type { HttpRoute } from './route.ts'

export type RouteDeps = PresignHandlerDeps & {
  config: Config
  presignGet: PresignGet
  readJob: ReadJob
  findSource: FindSource
  listPage: ListPage
  readSmall: ReadSmall
  watches: Watches
  streams: Streams
  isReady: () => Promise<Readiness>
  /** Metrics that the endpoint serves; null when it serves none. */
  metrics: RenderMetrics | null
  /** Folder of the files of the page, for tests; default: where the build writes them. */
  pageFolder?: string
}

/** Lists every route of the endpoint. */
export function createRoutes(deps: RouteDeps): readonly HttpRoute[] {
  const routes: readonly HttpRoute[] = [
    ...createUploadRoutes(deps),
    { method: 'GET', path: '/video', operation: getJobByKey, handler: keyHandler(deps) },
    { method: 'GET', path: '/video/events', head: false, operation: followKey, handler: keyEventsHandler(deps) },
    { method: 'GET', path: '/video/:id', operation: getJob, handler: jobHandler(deps) },
    { method: 'GET', path: '/video/:id/events', head: false, operation: followJob, handler: eventsHandler(deps) },
    ...(deps.config.http.files ? [filesRoute(deps)] : []),
    { method: 'GET', path: '/videos', operation: listJobs, handler: listHandler(deps) },
    { method: 'GET', path: '/health', access: 'public', operation: getHealth, handler: healthHandler() },
    { method: 'GET', path: '/ready', access: 'public', operation: getReadiness, handler: readyHandler(deps) },
    ...(deps.metrics ? [metricsRoute(deps.metrics)] : []),
    openApiRoute(() => ({ routes, http: deps.config.http })),
    ...(deps.config.http.page ? pageRoutes(deps) : []),
  ]
  return routes
}

function filesRoute(deps: RouteDeps): HttpRoute {
  return { method: 'GET', path: '/video/:id/files/**:key', operation: getFile, handler: filesHandler(deps) }
}

/** The route of metrics, on the endpoint or on a port of its own. */
export function metricsRoute(render: RenderMetrics): HttpRoute {
  return { method: 'GET', path: '/metrics', access: 'public', operation: getMetrics, handler: metricsHandler(render) }
}

/** Registers the routes, and a 405 response for every other method of their paths. */
export function addRoutes(app: H3, routes: readonly HttpRoute[]): void {
  for (const [path, served] of Map.groupBy(routes, ({ path }) => path)) {
    const methods = served.flatMap(toMethods)
    const allow = methods.join(', ')
    for (const route of served)
      for (const method of toMethods(route)) app.on(method, path, route.handler, { meta: { route } })
    app.all(path, () => {
      const detail = `Allowed methods: ${allow}.`
      throw problemError({ status: 405, detail, code: 'request.method', headers: { allow } })
    })
  }
}

function toMethods({ method, head = method === 'GET' }: HttpRoute): readonly (HttpRoute['method'] | 'HEAD')[] {
  return head ? [method, 'HEAD'] : [method]
}
