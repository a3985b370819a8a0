import type { Config } from '../config/config.ts'
import { createApp } from '../http/app.ts'
import type { HttpRoute } from '../http/route.ts'
import { metricsRoute } from '../http/routes.ts'
import type { RenderMetrics } from '../http/monitoring/metrics.ts'
import { startServer, type HttpServer } from '../http/server.ts'
import { describeEndpoint } from '../lifecycle/checks.ts'
import type { Gauges } from '../lifecycle/gauges.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { UploadCleanup } from '../schedule/upload-cleanup.ts'
import { describeVersion } from '../programs/versions.ts'
import { withReleasers } from '../vocabulary/releasers.ts'
import type { Graph, Opened } from './tokens.ts'

export type ListenDeps = Pick<Graph<Opened>, 'config' | 'log' | 'events' | 'programs' | 'version'> & {
  gauges(): Gauges
  /** Creates the routes of the endpoint, with metrics if it serves them. */
  createRoutes(metrics: RenderMetrics | null): readonly HttpRoute[]
  /** Ends the responses that do not end by themselves. */
  endStreams(): void
  /** Cleans up after clients of the endpoint while it is open. */
  cleanup: UploadCleanup
}

/** Opens the HTTP endpoint and, as the config says, metrics. Closing the result closes both. */
export async function listen(deps: ListenDeps): Promise<HttpServer> {
  const { config, log } = deps
  const { http, metrics: options } = config
  let endpoint: HttpServer | undefined
  const releasers = await withReleasers(async (push) => {
    const metrics = await openMetrics(deps)
    if (metrics) push('the metrics', () => metrics.close())
    const routes = deps.createRoutes(options.expose === 'endpoint' ? (metrics?.render ?? null) : null)
    const server = await startServer({ app: createApp({ routes, http, log }), ...toAddress(http), log })
    endpoint = server
    log.info(
      { event: 'http.access', authorize: toKind(http.authorize) },
      describeEndpoint({ ...http, port: server.port }),
    )
    push('the HTTP endpoint', () => server.close())
    push('the event streams', deps.endStreams)
    deps.cleanup.start()
    push('the cleanup of uploads', () => deps.cleanup.stop())
    if (options.expose !== 'port' || !metrics) return
    const app = createApp({ routes: [metricsRoute(metrics.render)], http: noAccess, log })
    const own = await startServer({ app, ...toAddress(options), section: 'metrics', log })
    push('the port for metrics', () => own.close())
  })
  if (endpoint === undefined) throw new Error('the HTTP endpoint has not been opened')
  return { ...endpoint, close: () => releasers.release() }
}

/** The port for metrics has public routes only. */
const noAccess = { cors: [], trustProxy: [], rateLimit: { uploadsPerMinute: 0, requestsPerMinute: 0 } }

const toKind = (authorize: Config['http']['authorize']) =>
  typeof authorize === 'function' ? 'function' : (authorize ?? 'loopback')

const toAddress = ({ host, port }: { host: string; port: number }) => ({ host, port })

/** Loads the package for metrics only if they are exposed: it takes a noticeable part of the start. */
async function openMetrics(deps: ListenDeps): Promise<Metrics | null> {
  const { config, log, events, programs, version } = deps
  if (config.metrics.expose === 'off') return null
  const { createMetrics } = await import('../metrics/metrics.ts')
  return createMetrics({
    events,
    sources: deps.gauges(),
    build: { version, ffmpeg: describeVersion(programs.version) },
    plugins: config.routes.flatMap((route) => route.plugins.map(({ name }) => name)),
    log,
  })
}
