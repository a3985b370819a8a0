import { holdLease } from '../job/lease.ts'
import { createIntake } from '../job/intake.ts'
import { createSettle } from '../job/settle.ts'
import { createProcess } from '../pipeline/process.ts'
import { createPublish } from '../pipeline/publish.ts'
import { openCpuMeter } from '../machine/cpu-meter.ts'
import { createAdmission } from '../schedule/adaptive.ts'
import { createPoller, type PollerDeps } from '../schedule/poller.ts'
import { createSweeper } from '../schedule/sweeper.ts'
import { createDownload } from '../storage/download.ts'
import { createAbortStaleUploads } from '../storage/stale-uploads.ts'
import { createUpload } from '../storage/upload.ts'
import { createPipeline } from './pipeline.ts'
import { tokens, type Base, type Graph, type Opened } from './tokens.ts'

/** Visibility timeout of a work message. Claiming takes milliseconds; after a crash before the claim, the job waits this long. */
const TAKE_SECONDS = 30

/** Registers everything that processes jobs: the pipeline, its poller, and the sweeper. */
export function provideJobs(graph: Graph<Opened>): void {
  graph.provide(tokens.Pipeline, () => createPipeline(graph))
  provideWork(graph)
  provideSweep(graph)
}

function provideWork(graph: Graph<Opened>): void {
  const { provide, use, config, log, limits, emit, tracing } = graph
  const { bucket, job, routes, state } = config
  const createHandler = () => {
    const abortStaleUploads = createAbortStaleUploads({ client: use(tokens.S3), bucket, log })
    return createProcess({
      intake: createIntake({
        queues: use(tokens.Queues),
        documents: use(tokens.Documents),
        storage: use(tokens.Storage),
        scope: { bucket, routes },
        limits,
        daemonName: graph.name,
        emit,
        log,
      }),
      hold: (claimed, log) =>
        holdLease({ documents: use(tokens.Documents), claimed, leaseSeconds: job.leaseSeconds, emit, log }),
      workspaces: graph.workspaces,
      download: createDownload({ client: use(tokens.S3) }),
      jobIndex: use(tokens.JobIndex),
      pipeline: use(tokens.Pipeline),
      publish: createPublish({
        storage: use(tokens.Storage),
        upload: createUpload({ client: use(tokens.S3), bucket, abortStaleUploads }),
        abortStaleUploads,
      }),
      settle: createSettle({
        queues: use(tokens.Queues),
        storage: use(tokens.Storage),
        limits,
        backoffSeconds: job.backoffSeconds,
        emit,
      }),
      routes,
      statePrefix: state.prefix,
      maxSourceBytes: config.limits.sourceBytes,
      stop: graph.stopJobs.signal,
      emit,
      log,
      tracing,
      workUrl: config.queues.work.url,
    })
  }
  provide(tokens.WorkPoller, () =>
    createPoller({
      ...config.queues.work,
      ...toConcurrency(graph),
      name: 'work',
      queue: use(tokens.Queues).work,
      batch: 1,
      longPollSeconds: 20,
      visibilitySeconds: TAKE_SECONDS,
      handle: createHandler(),
      emit,
      log,
    }),
  )
}

function toConcurrency({ config, log }: Base): Pick<PollerDeps, 'concurrency' | 'admission'> {
  const { concurrency } = config.queues.work
  if (typeof concurrency === 'number') return { concurrency }
  return {
    concurrency: concurrency.max,
    admission: createAdmission({ goal: concurrency, openMeter: openCpuMeter, log }),
  }
}

function provideSweep({ provide, use, config, log, limits, emit, tracing }: Graph<Opened>): void {
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
        tracing,
      }),
      emit,
      log,
    }),
  )
}
