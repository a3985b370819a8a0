import 'reflect-metadata' // tsyringe does not load without it; keep first
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { container, instanceCachingFactory } from 'tsyringe'
import { askReadiness, createChecks, type Check } from './checks.ts'
import type { Config } from './config/schema.ts'
import { createDaemon, type Daemon } from './daemon.ts'
import { toMessage } from './errors.ts'
import type { DaemonEvent } from './events.ts'
import { createApp } from './http/app.ts'
import { startServer } from './http/server.ts'
import type { Limits } from './job/decide.ts'
import { createDocuments } from './job/document.ts'
import { createIntake } from './job/intake.ts'
import { holdLease } from './job/lease.ts'
import { createSettle } from './job/settle.ts'
import { createChain } from './pipeline/chain.ts'
import { createFfmpeg } from './pipeline/ffmpeg.ts'
import type { Log } from './pipeline/plugin.ts'
import { createProbe } from './pipeline/probe.ts'
import { createProcess } from './pipeline/process.ts'
import type { Programs } from './pipeline/ffmpeg/programs.ts'
import { createPublish } from './pipeline/publish.ts'
import type { Workspaces } from './pipeline/workspace.ts'
import { createQueue, createSqsClient } from './queue/queue.ts'
import { createQueues } from './queue/queues.ts'
import { createPoller } from './schedule/poller.ts'
import { createSweeper } from './schedule/sweeper.ts'
import { createS3Client } from './storage/client.ts'
import { createDownload } from './storage/download.ts'
import { createAbortLeftovers } from './storage/leftovers.ts'
import { createPresign } from './storage/presign.ts'
import { createSkewWatch } from './storage/skew.ts'
import { createStorage } from './storage/storage.ts'
import { createUpload } from './storage/upload.ts'
import { tokens, type Token } from './tokens.ts'

/** What must be opened before the parts can be put together; whoever opened it closes it. */
export type Opened = { config: Config; log: Log; programs: Programs; workspaces: Workspaces }

export type Composed = {
  daemon: Daemon
  /** Ends the connections; after the daemon has stopped. */
  close(): void
}

/** How long a received message stays hidden; claiming takes milliseconds. A crash before the claim costs this pause. */
const TAKE_SECONDS = 30

/** The composition root: every part, in the order of dependency. The container does not leave this file. */
export function compose(opened: Opened): Composed {
  const graph = createGraph(opened)
  provideEdges(graph)
  providePipeline(graph)
  provideWork(graph)
  provideSweep(graph)
  provideDaemon(graph)
  return {
    daemon: graph.use(tokens.Daemon),
    close() {
      graph.use(tokens.S3).destroy()
      graph.use(tokens.Sqs).destroy()
    },
  }
}

/** The checks alone, for somebody who wants to know what a daemon would find; ffmpeg may be missing. */
export function composeChecks({
  config,
  log,
  openPrograms,
}: {
  config: Config
  log: Log
  openPrograms: () => Promise<Programs>
}) {
  const graph = createGraph({ config, log })
  provideEdges(graph)
  const checks: Check[] = createChecks({
    config,
    openPrograms,
    storage: graph.use(tokens.Storage),
    queues: graph.use(tokens.Queues),
  })
  return {
    checks,
    close() {
      graph.use(tokens.S3).destroy()
      graph.use(tokens.Sqs).destroy()
    },
  }
}

type Graph<Given> = Given & {
  provide<T>(token: Token<T>, make: () => T): void
  use<T>(token: Token<T>): T
  name: string
  limits: Limits
  stopJobs: AbortController
  emit(event: DaemonEvent): void
}
type Base = { config: Config; log: Log }

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

function providePipeline({ provide, use, config, programs, log }: Graph<Opened>): void {
  provide(tokens.Ffmpeg, () =>
    createFfmpeg({ programs, stallSeconds: config.ffmpeg.stallSeconds, limits: config.limits }),
  )
  provide(tokens.Inspect, () => createProbe({ programs, limits: config.limits }))
  provide(tokens.Chain, () =>
    createChain({ plugins: config.plugins, ffmpeg: use(tokens.Ffmpeg).run, inspect: use(tokens.Inspect), log }),
  )
}

function provideWork(graph: Graph<Opened>): void {
  const { provide, use, config, log, limits, emit } = graph
  const { bucket, job, source, state } = config
  const createHandler = () => {
    const abortLeftovers = createAbortLeftovers({ client: use(tokens.S3), bucket, log })
    return createProcess({
      intake: createIntake({
        queues: use(tokens.Queues),
        documents: use(tokens.Documents),
        storage: use(tokens.Storage),
        scope: { bucket, sourcePrefix: source.prefix },
        limits,
        daemonName: graph.name,
        emit,
        log,
      }),
      hold: (claimed, log) =>
        holdLease({ documents: use(tokens.Documents), claimed, leaseSeconds: job.leaseSeconds, log }),
      workspaces: graph.workspaces,
      download: createDownload({ client: use(tokens.S3) }),
      inspect: use(tokens.Inspect),
      chain: use(tokens.Chain),
      publish: createPublish({
        storage: use(tokens.Storage),
        upload: createUpload({ client: use(tokens.S3), bucket, abortLeftovers }),
        abortLeftovers,
      }),
      settle: createSettle({
        queues: use(tokens.Queues),
        storage: use(tokens.Storage),
        limits,
        backoffSeconds: job.backoffSeconds,
        emit,
      }),
      prefixes: { source: source.prefix, state: state.prefix },
      maxSourceBytes: config.limits.sourceBytes,
      stop: graph.stopJobs.signal,
      emit,
      log,
    })
  }
  provide(tokens.WorkPoller, () =>
    createPoller({
      ...config.queues.work,
      name: 'work',
      queue: use(tokens.Queues).work,
      batch: 1,
      longPollSeconds: 20,
      visibilitySeconds: TAKE_SECONDS,
      handle: createHandler(),
      log,
    }),
  )
}

function provideSweep({ provide, use, config, log, limits, emit }: Graph<Opened>): void {
  provide(tokens.SweepPoller, () =>
    createPoller({
      ...config.queues.inProgress,
      name: 'in-progress',
      queue: use(tokens.Queues).inProgress,
      batch: 10,
      longPollSeconds: 1,
      visibilitySeconds: limits.recheckSeconds,
      handle: createSweeper({
        queues: use(tokens.Queues),
        documents: use(tokens.Documents),
        storage: use(tokens.Storage),
        limits,
        emit,
        log,
      }),
      log,
    }),
  )
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
        })
        for (const check of checks) log.debug(`${check.name}: ${await check.run()}`)
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
