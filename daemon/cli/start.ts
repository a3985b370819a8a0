import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Composed } from '../composition/compose.ts'
import { loadConfig, type Overrides } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import { quoteWord } from '../config/hints/package.ts'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { startChecks } from '../lifecycle/check.ts'
import { createFfmpegChecks } from '../lifecycle/ffmpeg-checks.ts'
import { createMetadata } from '../interruption/metadata.ts'
import { watchForInterruption, type Interruption } from '../interruption/watch.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Tracing } from '../vocabulary/tracing/tracing.ts'
import { removeStaleWorkspaces } from '../pipeline/cleanup.ts'
import { openPrograms, toProgramOptions } from '../programs/programs.ts'
import { openWorkspaces } from '../pipeline/workspace.ts'
import { withReleasers, type Push } from '../vocabulary/releasers.ts'
import { openTracing } from '../tracing/open.ts'
import { listenForStop } from '../terminal/signals.ts'
import { watchForUnhandledErrors } from '../terminal/unhandled.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { renderLocalEnvironment, writeLocalEnvironment } from './local-env.ts'
import { describeStop } from './stop-message.ts'
import { shrinkHeap } from './heap.ts'
import { loadLocal } from './load-local.ts'

export type StartOptions = {
  local?: boolean
  config?: string
  port?: number
  data: string
  /** Of mediad. */ version: string
}

/** After the first messages are received, which takes precedence. */
const SHRINK_MS = 2000

/** After an unhandled error: how long running jobs have to write their documents. */
const CRASH_MS = 10_000

/**
 * `mediad start`: runs a daemon until the first signal or an interruption of the machine. A second signal ends it immediately,
 * like a crash.
 *
 * An unhandled error fails the attempts of all running jobs, because its origin is unknown, and ends the daemon, because the
 * process is in an unknown state. The attempts count, so that a job that always crashes its daemon is dead-lettered.
 */
export async function start({ log }: Terminal, options: StartOptions): Promise<0 | 1> {
  using signals = listenForStop()
  const interruptions = watchInterruptions(log)
  const urgent = Promise.race([signals.first, interruptions.urgent])
  let opened: Awaited<ReturnType<typeof openDaemon>> | undefined
  const owned: string[] = []
  // attempts end with this process, and so does their ffmpeg and an embedded S3
  const removeOwned = () => owned.forEach((path) => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
  using unhandled = watchForUnhandledErrors(log, removeOwned)
  const started = withReleasers(async (push) => {
    const config = await prepare(options, { log, push, owned })
    const { daemon } = (opened = await openDaemon({ config, version: options.version, log, push, owned }))
    interruptions.watch(config, push)
    await daemon.start()
    push('the daemon', () => daemon.stop(urgent))
    setTimeout(shrinkHeap, SHRINK_MS).unref()
  })
  const forced = signals.second.then((): 1 => {
    log.warn({ event: 'daemon.forced' }, 'second signal: daemon exits now; another one takes over its unfinished jobs')
    return 1
  })
  const crashed = unhandled.error.then(async (thrown): Promise<1> => {
    const why = `unhandled error ended the daemon: ${toMessage(thrown)}`
    const error = new MediadError('internal.crashed', why, { cause: thrown })
    log.error({ event: 'daemon.crashed', error }, why)
    opened?.daemon.endJobs(error)
    await Promise.race([started.then((releasers) => releasers.release()), delay(CRASH_MS, undefined, { ref: false })])
    return 1
  })
  const orderly = async (): Promise<0> => {
    const releasers = await started
    const stop = await Promise.race([
      urgent.then((reason) => ({ reason, urgent: true })),
      interruptions.warning.then((reason) => ({ reason, urgent: false })),
    ])
    const jobs = opened?.gauges.slots().work.used ?? 0
    const graceSeconds = opened?.graceSeconds ?? 0
    const message = describeStop({ ...stop, jobs, graceSeconds })
    log.info({ event: 'daemon.stopping', reason: stop.reason, jobs, graceSeconds }, message)
    await releasers.release()
    return 0
  }
  const code = await Promise.race([orderly(), forced, crashed])
  if (code !== 0) removeOwned()
  return code
}

type Interruptions = {
  /** The machine may be terminated: the daemon takes no more jobs, and running jobs continue until `urgent`. */
  readonly warning: Promise<string>
  /** The machine will be terminated: the grace time starts. */
  readonly urgent: Promise<string>
  /** Starts the checks, if the config has a URL of the metadata service. */
  watch(config: Config, push: Push): void
}

function watchInterruptions(log: DaemonLog): Interruptions {
  const [warned, interrupted] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  const onInterruption = ({ what, urgent }: Interruption) => (urgent ? interrupted : warned).resolve(what)
  return {
    warning: warned.promise,
    urgent: interrupted.promise,
    watch({ shutdown: { metadataUrl: url } }, push) {
      if (url === undefined) return
      push('the interruption checks', watchForInterruption({ metadata: createMetadata({ url }), onInterruption, log }))
    },
  }
}

/** What a start opens, and the paths that are removed when the process ends without releasing it. */
type Opening = { log: DaemonLog; push: Push; owned: string[] }

/** Without a bucket elsewhere, only the endpoint can give the page the results to play. */
const localDefaults: Overrides = { http: { files: true } }

async function prepare(options: StartOptions, { log, push, owned }: Opening): Promise<Config> {
  const http = options.port === undefined ? {} : { http: { port: options.port } }
  const file = options.config === undefined ? {} : { file: options.config }
  if (options.local !== true) return (await loadConfig({ ...file, overrides: http })).config
  const { startLocal } = await loadLocal()
  const local = await startLocal({ dataDirectory: options.data, log: log.child({ part: 'local' }) })
  push('the embedded S3 and SQS', () => local.close())
  // the config reads the environment, so this comes first
  for (const name of local.unset) delete process.env[name]
  Object.assign(process.env, local.env)
  const { work, inProgress, dead } = local.queueUrls
  const queues = { work: { url: work }, inProgress: { url: inProgress }, dead: { url: dead } }
  const overrides: Overrides = { ...http, queues }
  const { config } = await loadConfig({ ...file, overrides, defaults: localDefaults })
  for (const name of local.unset) delete process.env[name] // a `.env` next to the config can have set them again
  await local.createBucket(config.bucket)
  const environment = await writeLocalEnvironment(options.data, renderLocalEnvironment(local, config.bucket))
  push('the file with the environment', environment.remove)
  owned.push(environment.file)
  log.info(
    { event: 'local.started', s3: local.s3Endpoint, sqs: local.sqsEndpoint, data: options.data, env: environment.file },
    `embedded S3 and SQS started; for commands in another terminal: . ${quoteWord(environment.file)}`,
  )
  return config
}

type OpenRequest = Opening & { config: Config; version: string }
type Opened = Composed & { graceSeconds: number }

async function openDaemon({ config, version, log, push, owned }: OpenRequest): Promise<Opened> {
  const tracing = await openTracing(version)
  push('the traces', () => flush(tracing, log))
  const workspaces = await openWorkspaces(config.workspace)
  owned.push(workspaces.path)
  push('the workspaces', () => workspaces.close())
  push('the workspace cleanup', await startCleanup({ ...config.workspace, log }))
  // ffmpeg and ffprobe run while this process loads the SDK
  const opening = openPrograms(toProgramOptions(config, workspaces.path))
  push('the programs', () =>
    opening.then(
      ({ close }) => close(),
      () => undefined,
    ),
  ) // a failed check reports the error
  const ffmpegChecks = startChecks(createFfmpegChecks({ config, openPrograms: () => opening, log }))
  const [programs, { compose }] = await Promise.all([opening, import('../composition/compose.ts')])
  const composed = compose({ config, log, programs, workspaces, tracing, version, ffmpegChecks })
  push('the connections', () => composed.close())
  return { ...composed, graceSeconds: config.shutdown.graceSeconds }
}

/** A collector that does not respond must not fail the stop. */
async function flush(tracing: Tracing, log: DaemonLog): Promise<void> {
  try {
    await tracing.flush()
  } catch (error) {
    log.warn({ event: 'traces.lost', error }, `spans could not be exported: ${toMessage(error)}`)
  }
}

/** The cleanup is repeated, because another daemon on this machine can die at any time. */
const CLEANUP_MS = 60_000

async function startCleanup(deps: { directory: string; log: DaemonLog }): Promise<() => void> {
  await removeStaleWorkspaces(deps)
  const timer = setInterval(() => {
    removeStaleWorkspaces(deps).catch((error: unknown) =>
      deps.log.warn({ event: 'workspace.cleanup_failed', error }, `workspace cleanup failed: ${toMessage(error)}`),
    )
  }, CLEANUP_MS)
  return () => clearInterval(timer)
}
