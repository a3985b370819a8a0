import 'reflect-metadata' // tsyringe does not load without it; keep first
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { container, instanceCachingFactory } from 'tsyringe'
import { askReadiness, createChecks, proveAll, type Check } from '../lifecycle/checks.ts'
import { provideJobs } from './jobs.ts'
import { createDaemon, type Daemon } from '../lifecycle/daemon.ts'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonEvent } from '../vocabulary/events.ts'
import { createApp } from '../http/app.ts'
import { startServer } from '../http/server.ts'
import { createDocuments } from '../job/documents.ts'
import type { Programs } from '../programs/programs.ts'
import { createQueue, createSqsClient } from '../queue/queue.ts'
import { createQueues } from '../queue/queues.ts'
import { createS3Client } from '../storage/client.ts'
import { createPresign } from '../storage/presign.ts'
import { createSkewWatch } from '../storage/skew.ts'
import { createStorage } from '../storage/storage.ts'
import { tokens, type Base, type Graph, type Opened } from './tokens.ts'

export type Composed = {
  daemon: Daemon
  /** Ends the connections; after the daemon has stopped. */
  close(): void
}

/** The composition root: every part, in the order of dependency. The container does not leave this file. */
export function compose(opened: Opened): Composed {
  const graph = createGraph(opened)
  provideEdges(graph)
  provideJobs(graph)
  provideDaemon(graph)
  return { daemon: graph.use(tokens.Daemon), close: () => close(graph) }
}

/** The checks alone, for somebody who wants to know what a daemon would find; ffmpeg may be missing. */
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
  return {
    ...given,
    provide: (token, make) => void root.register(token, { useFactory: instanceCachingFactory(make) }),
    use: (token) => root.resolve(token),
    name: `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
    limits: { attempts, leaseSeconds, recheckSeconds },
    stopJobs: new AbortController(),
    emit: createEmit(given),
  }
}

function provideEdges({ provide, use, config, log }: Graph<Base>): void {
  const { bucket, queues, state } = config
  const open = ({ url }: { url: string }) => createQueue({ client: use(tokens.Sqs), url })
  provide(tokens.S3, () => createS3Client(createSkewWatch(log)))
  provide(tokens.Sqs, createSqsClient)
  provide(tokens.Storage, () => createStorage({ client: use(tokens.S3), bucket }))
  provide(tokens.Queues, () =>
    createQueues({ work: open(queues.work), inProgress: open(queues.inProgress), dead: open(queues.dead) }),
  )
  provide(tokens.Documents, () => createDocuments({ storage: use(tokens.Storage), prefix: state.prefix }))
}

function provideDaemon(graph: Graph<Opened>): void {
  const { provide, use, config, log, programs } = graph
  const { host, port, urlSeconds } = config.http
  const storage = () => use(tokens.Storage)
  const pollers = () => ({ work: use(tokens.WorkPoller), sweep: use(tokens.SweepPoller) })
  const createHttp = () =>
    createApp({
      config,
      presign: createPresign({ client: use(tokens.S3), bucket: config.bucket, urlSeconds }),
      readJob: async (id) => (await use(tokens.Documents).read(id))?.document ?? null,
      isReady: () =>
        askReadiness({
          storage: storage(),
          queues: use(tokens.Queues),
          pollers: Object.values(pollers()),
          statePrefix: config.state.prefix,
        }),
      log,
    })
  provide(tokens.Daemon, () =>
    createDaemon({
      name: graph.name,
      async check() {
        const checks = createChecks({
          config,
          openPrograms: async () => programs,
          storage: storage(),
          queues: use(tokens.Queues),
          log,
        })
        await proveAll(checks, log)
      },
      chain: use(tokens.Chain),
      listen: () => startServer({ app: createHttp(), host, port, log }),
      pollers: pollers(),
      graceSeconds: config.shutdown.graceSeconds,
      stopJobs: graph.stopJobs,
      emit: graph.emit,
      log,
    }),
  )
}

/** A listener's bug is its own: it is logged, and no job feels it. */
function createEmit({ config, log }: Base): (event: DaemonEvent) => void {
  return (event) => {
    Promise.try(() => config.onEvent?.(event)).catch((error: unknown) => {
      log.error({ error, event: event.type }, `onEvent threw: ${toMessage(error)}`)
    })
  }
}
