import { rmSync } from 'node:fs'
import { compose, type Composed } from '../compose.ts'
import { loadConfig, type Overrides } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { createMetadata } from '../notice/metadata.ts'
import { watchForNotice, type Notice } from '../notice/watch.ts'
import type { Log } from '../pipeline/plugin.ts'
import { removeLitter } from '../pipeline/janitor.ts'
import { openPrograms, toProgramOptions } from '../pipeline/programs.ts'
import { openWorkspaces } from '../pipeline/workspace.ts'
import { withReleasers, type Push } from '../releasers.ts'
import { listenForStop } from './signals.ts'
import type { Terminal } from './terminal.ts'

export type StartOptions = { local?: boolean; config?: string; port?: number; data: string }

/**
 * `mediad start`: runs a daemon until the first signal, or a notice that the machine will be gone. A notice that only warns takes
 * no more jobs, and leaves those that run their time until one that is urgent, or a signal. A second signal ends it at once, as a
 * crash would.
 */
export async function start({ log }: Terminal, options: StartOptions): Promise<0 | 1> {
  using signals = listenForStop()
  const warned = Promise.withResolvers<string>()
  const noticed = Promise.withResolvers<string>()
  const urgent = Promise.race([signals.first, noticed.promise])
  const onNotice = ({ what, urgent }: Notice) => (urgent ? noticed : warned).resolve(what)
  let workspacePath: string | undefined
  const started = withReleasers(async (push) => {
    const config = await prepare(options, log, push)
    const { daemon, path } = await openDaemon({ config, log, push })
    workspacePath = path
    const { metadataUrl: url } = config.shutdown
    if (url !== undefined)
      push('the watch for notices', watchForNotice({ metadata: createMetadata({ url }), onNotice, log }))
    await daemon.start()
    push('the daemon', () => daemon.stop(urgent))
  })
  const forced = signals.second.then((): 1 => {
    log.warn('second signal: ending at once; unfinished jobs are taken over by another daemon')
    // the attempts in it are over: their ffmpeg ends with this process
    if (workspacePath !== undefined) rmSync(workspacePath, { recursive: true, force: true })
    return 1
  })
  const orderly = async (): Promise<0> => {
    const releasers = await started
    const why = await Promise.race([urgent, warned.promise])
    log.info(`${why}: no more jobs are taken; running ones may finish. A second signal ends them`)
    await releasers.release()
    return 0
  }
  return await Promise.race([orderly(), forced])
}

async function prepare(options: StartOptions, log: Log, push: Push): Promise<Config> {
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
  log.info({ s3: local.s3Endpoint, sqs: local.sqsEndpoint, data: options.data }, 'embedded S3 and SQS')
  return config
}

async function openDaemon({
  config,
  log,
  push,
}: {
  config: Config
  log: Log
  push: Push
}): Promise<Composed & { path: string }> {
  const workspaces = await openWorkspaces(config.workspace)
  push('the workspaces', () => workspaces.close())
  push('the janitor', await startJanitor({ ...config.workspace, log }))
  const programs = await openPrograms(toProgramOptions(config, workspaces.path))
  const composed = compose({ config, log, programs, workspaces })
  push('the connections', () => composed.close())
  return { ...composed, path: workspaces.path }
}

/** A daemon on this machine may die at any time, not only before this one starts. */
const JANITOR_MS = 60_000

async function startJanitor(parts: { directory: string; log: Log }): Promise<() => void> {
  await removeLitter(parts)
  const timer = setInterval(() => {
    removeLitter(parts).catch((error: unknown) =>
      parts.log.warn({ error }, 'the janitor could not look at the workspaces'),
    )
  }, JANITOR_MS)
  return () => clearInterval(timer)
}
