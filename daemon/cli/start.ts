import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { compose, type Composed } from '../composition/compose.ts'
import { loadConfig, type Overrides } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { createMetadata } from '../interruption/metadata.ts'
import { watchForInterruption, type Interruption } from '../interruption/watch.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { removeStaleWorkspaces } from '../pipeline/cleanup.ts'
import { openPrograms, toProgramOptions } from '../programs/programs.ts'
import { openWorkspaces } from '../pipeline/workspace.ts'
import { withReleasers, type Push } from '../vocabulary/releasers.ts'
import { listenForStop } from '../terminal/signals.ts'
import { watchForUnhandledErrors } from '../terminal/unhandled.ts'
import type { Terminal } from '../terminal/terminal.ts'

export type StartOptions = { local?: boolean; config?: string; port?: number; data: string }

/** After an error that nobody caught: how long jobs may take to write down how they ended. */
const CRASH_MS = 10_000

/**
 * `mediad start`: runs a daemon until the first signal, or a notice that the machine will be gone; a second signal ends it at once,
 * as a crash would. An error that nobody caught fails the attempts of all running jobs, whichever of them it came from, and ends
 * the daemon: what is left of the process is not to be trusted. The attempts count, so that a job that does this each time is
 * buried in the end.
 */
export async function start({ log }: Terminal, options: StartOptions): Promise<0 | 1> {
  using signals = listenForStop()
  const notices = watchInterruptions(log)
  const urgent = Promise.race([signals.first, notices.urgent])
  let opened: Awaited<ReturnType<typeof openDaemon>> | undefined
  // the attempts in it are over: their ffmpeg ends with this process
  const tidy = () => void (opened && rmSync(opened.path, { recursive: true, force: true, maxRetries: 3 }))
  using stray = watchForUnhandledErrors(log, tidy)
  const started = withReleasers(async (push) => {
    const config = await prepare(options, log, push)
    const { daemon } = (opened = await openDaemon({ config, log, push }))
    notices.watch(config, push)
    await daemon.start()
    push('the daemon', () => daemon.stop(urgent))
  })
  const forced = signals.second.then((): 1 => {
    log.warn({ event: 'daemon.forced' }, 'second signal: daemon ends now, another one takes over its unfinished jobs')
    return 1
  })
  const crashed = stray.error.then(async (thrown): Promise<1> => {
    const why = `unhandled error ended the daemon: ${toMessage(thrown)}`
    const error = new MediadError('internal.crashed', why, { cause: thrown })
    log.error({ event: 'daemon.crashed', error }, why)
    opened?.daemon.endJobs(error)
    await Promise.race([started.then((releasers) => releasers.release()), delay(CRASH_MS, undefined, { ref: false })])
    return 1
  })
  const orderly = async (): Promise<0> => {
    const releasers = await started
    const why = await Promise.race([urgent, notices.warning])
    log.info(
      { event: 'daemon.stopping', reason: why },
      `daemon stops (${why}): it takes no more jobs, running jobs can finish. A second signal ends them`,
    )
    await releasers.release()
    return 0
  }
  const code = await Promise.race([orderly(), forced, crashed])
  if (code !== 0) tidy()
  return code
}

type Interruptions = {
  /** The machine is at risk: no more jobs are taken, those that run have their time until something urgent. */
  readonly warning: Promise<string>
  /** It will be gone: the grace time begins. */
  readonly urgent: Promise<string>
  /** Begins to look for them, where the config names an address. */
  watch(config: Config, push: Push): void
}

function watchInterruptions(log: DaemonLog): Interruptions {
  const [warned, noticed] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  const onInterruption = ({ what, urgent }: Interruption) => (urgent ? noticed : warned).resolve(what)
  return {
    warning: warned.promise,
    urgent: noticed.promise,
    watch({ shutdown: { metadataUrl: url } }, push) {
      if (url === undefined) return
      push('the watch for notices', watchForInterruption({ metadata: createMetadata({ url }), onInterruption, log }))
    },
  }
}

async function prepare(options: StartOptions, log: DaemonLog, push: Push): Promise<Config> {
  const http = options.port === undefined ? {} : { http: { port: options.port } }
  const file = options.config === undefined ? {} : { file: options.config }
  if (options.local !== true) return (await loadConfig({ ...file, overrides: http })).config
  const { startLocal } = await import('../local/local.ts')
  const local = await startLocal({ dataDirectory: options.data, log: log.child({ part: 'local' }) })
  push('the embedded S3 and SQS', () => local.close())
  // before the config is read
  for (const name of local.unset) delete process.env[name]
  Object.assign(process.env, local.env)
  const { work, inProgress, dead } = local.queueUrls
  const queues = { work: { url: work }, inProgress: { url: inProgress }, dead: { url: dead } }
  const overrides: Overrides = { ...http, queues }
  const { config } = await loadConfig({ ...file, overrides })
  for (const name of local.unset) delete process.env[name] // a `.env` beside the config may have brought them back
  await local.createBucket(config.bucket)
  log.info(
    { event: 'local.started', s3: local.s3Endpoint, sqs: local.sqsEndpoint, data: options.data },
    'embedded S3 and SQS started',
  )
  return config
}

async function openDaemon({
  config,
  log,
  push,
}: {
  config: Config
  log: DaemonLog
  push: Push
}): Promise<Composed & { path: string }> {
  const workspaces = await openWorkspaces(config.workspace)
  push('the workspaces', () => workspaces.close())
  push('the janitor', await startCleanup({ ...config.workspace, log }))
  const programs = await openPrograms(toProgramOptions(config, workspaces.path))
  const composed = compose({ config, log, programs, workspaces })
  push('the connections', () => composed.close())
  return { ...composed, path: workspaces.path }
}

/** A daemon on this machine may die at any time, not only before this one starts. */
const CLEANUP_MS = 60_000

async function startCleanup(parts: { directory: string; log: DaemonLog }): Promise<() => void> {
  await removeStaleWorkspaces(parts)
  const timer = setInterval(() => {
    removeStaleWorkspaces(parts).catch((error: unknown) =>
      parts.log.warn({ event: 'workspace.cleanup_failed', error }, `workspace cleanup failed: ${toMessage(error)}`),
    )
  }, CLEANUP_MS)
  return () => clearInterval(timer)
}
