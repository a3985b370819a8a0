import 'reflect-metadata' // keep first: tsyringe cannot be loaded without it
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { container, instanceCachingFactory } from 'tsyringe'
import { runChecks, type Check } from '../lifecycle/check.ts'
import { createChecks } from '../lifecycle/checks.ts'
import { provideJobs } from './jobs.ts'
import { listen } from './listen.ts'
import { createEndpoint } from './endpoint.ts'
import { createDaemon, type Daemon } from '../lifecycle/daemon.ts'
import { createGauges, type Gauges } from '../lifecycle/gauges.ts'
import { createEmitter, type Emitter } from '../vocabulary/emitter.ts'
import { noTracing, type Tracing } from '../vocabulary/tracing/tracing.ts'
import { createStreams } from '../http/jobs/stream/streams.ts'
import { createDocuments } from '../job/documents.ts'
import { createJobIndex } from '../job/job-index.ts'
import type { Programs } from '../programs/programs.ts'
import { describeVersion } from '../programs/versions.ts'
import { createQueue, createSqsClient } from '../queue/queue.ts'
import { createQueues } from '../queue/queues.ts'
import { createS3Client } from '../storage/client.ts'
import { createSkewWatch } from '../storage/skew.ts'
import { createList } from '../storage/list.ts'
import { createStorage } from '../storage/storage.ts'
import { systemClock } from '../vocabulary/clock.ts'
import { tokens, type Base, type Graph, type Opened } from './tokens.ts'
import { createCleanup } from './uploads.ts'

export type Composed = {
  daemon: Daemon
  /** Adds listeners of the daemon's events. */
  events: Pick<Emitter, 'on'>
  gauges: Gauges
  /** Closes the connections. Call it after the daemon has stopped. */
  close(): void
}

/** The composition root: creates every object in the order of dependency. Only this file uses the container. */
export function compose(opened: Opened): Composed {
  const graph = createGraph(opened)
  provideEdges(graph, opened.tracing)
  provideJobs(graph)
  provideDaemon(graph)
  const { use, events } = graph
  return { daemon: use(tokens.Daemon), events, gauges: use(tokens.Gauges), close: () => close(graph) }
}

/** Creates the checks without a daemon, for `mediad check`. ffmpeg can be missing. */
export function composeChecks({ config, log, openPrograms }: Base & { openPrograms: () => Promise<Programs> }) {
  const graph = createGraph({ config, log })
  provideEdges(graph)
  const checks: Check[] = createChecks({
    config,
    openPrograms,
    storage: graph.use(tokens.Storage),
    queues: graph.use(tokens.Queues),
    log,
  })
  return { checks, close: () => close(graph) }
}

function close({ use }: Graph<Base>): void {
  use(tokens.S3).destroy()
  use(tokens.Sqs).destroy()
}

function createGraph<Given extends Base>(given: Given): Graph<Given> {
  const root = container.createChildContainer()
  const { attempts, leaseSeconds, recheckSeconds } = given.config.job
  const events = createEmitter(given.log)
  if (given.config.onEvent) events.on(given.config.onEvent)
  return {
    ...given,
    provide: (token, create) => void root.register(token, { useFactory: instanceCachingFactory(create) }),
    use: (token) => root.resolve(token),
    name: `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    limits: { attempts, leaseSeconds, recheckSeconds },
    stopJobs: new AbortController(),
    emit: events.emit,
    events,
  }
}

function provideEdges({ provide, use, config, log }: Graph<Base>, tracing: Pick<Tracing, 'current'> = noTracing): void {
  const { bucket, queues, state } = config
  const open = ({ url }: { url: string }) =>
    createQueue({ client: use(tokens.Sqs), url, currentTrace: tracing.current })
  provide(tokens.S3, () => createS3Client(createSkewWatch(log)))
  provide(tokens.Sqs, createSqsClient)
  provide(tokens.Storage, () => createStorage({ client: use(tokens.S3), bucket }))
  provide(tokens.Queues, () =>
    createQueues({ work: open(queues.work), inProgress: open(queues.inProgress), dead: open(queues.dead) }),
  )
  provide(tokens.Documents, () => createDocuments({ storage: use(tokens.Storage), prefix: state.prefix }))
  provide(tokens.JobIndex, () =>
    createJobIndex({
      storage: use(tokens.Storage),
      list: createList({ client: use(tokens.S3), bucket }),
      statePrefix: state.prefix,
    }),
  )
  provide(tokens.Streams, () =>
    createStreams({ max: config.http.streams, maxPerClient: config.http.streamsPerClient, clock: systemClock }),
  )
}

function provideDaemon(graph: Graph<Opened>): void {
  const { provide, use, config, log, programs, workspaces } = graph
  const storage = () => use(tokens.Storage)
  const pollers = () => ({ work: use(tokens.WorkPoller), sweep: use(tokens.SweepPoller) })
  provide(tokens.Gauges, () =>
    createGauges({ pollers: pollers(), queues: use(tokens.Queues), workspaces, streams: use(tokens.Streams) }),
  )
  provide(tokens.Daemon, () =>
    createDaemon({
      name: graph.name,
      async check() {
        const openPrograms = async () => programs
        const deps = { config, openPrograms, storage: storage(), queues: use(tokens.Queues), log }
        const checks = createChecks(deps, graph.ffmpegChecks)
        await runChecks(checks, log)
        const { version } = programs
        log.info({ event: 'ffmpeg.found', version }, `ffmpeg ${describeVersion(version)}`) // outputs depend on it
      },
      openPlugins: use(tokens.Pipeline).openPlugins,
      listen: () =>
        listen({ ...graph, gauges: () => use(tokens.Gauges), ...createEndpoint(graph), cleanup: createCleanup(graph) }),
      pollers: pollers(),
      graceSeconds: config.shutdown.graceSeconds,
      stopJobs: graph.stopJobs,
      emit: graph.emit,
      log,
    }),
  )
}
