import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createFfmpegChecks } from '../lifecycle/ffmpeg-checks.ts'
import { runChecks } from '../lifecycle/check.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { toJobId, type Output, type Warning } from '../vocabulary/job.ts'
import type { ChainResult } from '../pipeline/chain.ts'
import type { Pipeline } from '../composition/pipeline.ts'
import type { Artifact, Plugin } from '../vocabulary/plugin.ts'
import { createVersion } from '../protocol/keys.ts'
import { assertSourceSize } from '../pipeline/process.ts'
import { openPrograms, toProgramOptions, type Programs } from '../programs/programs.ts'
import { openWorkspaces, type Workspaces } from '../pipeline/workspace.ts'
import type { Push } from '../vocabulary/releasers.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** What is needed to run the chain of a config on local files. */
export type LocalChain = { config: Config; workspaces: Workspaces; programs: Programs }

/** Loads the config, without its queues, and opens and checks ffmpeg. */
export async function openLocalChain(options: { config?: string }, { log }: Terminal, push: Push): Promise<LocalChain> {
  const { config } = await loadConfig({
    ...(options.config !== undefined && { file: options.config }),
    overrides: withoutQueues,
  })
  const workspaces = await openWorkspaces(config.workspace)
  push('the workspaces', () => workspaces.close())
  const programs = await openPrograms(toProgramOptions(config, workspaces.path))
  push('the programs', () => programs.close())
  await runChecks(createFfmpegChecks({ config, openPrograms: async () => programs, log }), log)
  return { config, workspaces, programs }
}

/** Placeholder URLs: the queues are not used, so their environment variables do not have to be set. */
const withoutQueues = {
  queues: {
    work: { url: 'http://localhost/work' },
    inProgress: { url: 'http://localhost/in-progress' },
    dead: { url: 'http://localhost/dead' },
  },
}

export type LocalRun = Pick<LocalChain, 'config' | 'workspaces'> & {
  pipeline: Pipeline
  path: string
  plugins: readonly Plugin[]
  signal: AbortSignal
  log: Terminal['log']
  onProgress(progress: { plugin: string; percent: number }): void
  upload(artifact: Artifact): Promise<Output>
}

/** Runs plugins on a local file, in a workspace of its own. */
export async function runLocalChain(run: LocalRun): Promise<ChainResult & { warnings: readonly Warning[] }> {
  const { config, workspaces, pipeline, path, plugins, signal, log, onProgress, upload } = run
  const sizeBytes = await readFileSize(path)
  assertSourceSize({ key: path, sizeBytes }, config.limits.sourceBytes)
  const warnings: Warning[] = []
  const { bucket, routes } = config
  const [route] = routes
  const source = { bucket, key: route.prefix + basename(path), etag: 'local', sizeBytes }
  const id = toJobId(bucket, source.key)
  await using workspace = await workspaces.open({ id, claim: 1, sizeBytes })
  const result = await pipeline.runChain(plugins, {
    document: { id, attempt: 1, claim: 1, source },
    scope: { id, version: createVersion(), source, route, routes, statePrefix: config.state.prefix },
    workspace: workspace.path,
    input: path,
    probe: await pipeline.inspect(path, signal),
    signal,
    log: log.child({ file: basename(path) }),
    onProgress,
    onWarning: (warning) => void warnings.push(warning),
    upload,
  })
  return { ...result, warnings }
}

/** @throws MediadError `input.not_file` if the path is missing, cannot be read, or is not a file */
export async function readFileSize(path: string): Promise<number> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' || error.code === 'ENOTDIR' ? 'there is no such file' : toMessage(error)
    throw new MediadError('input.not_file', reason)
  })
  if (stats.isFile()) return stats.size
  if (!stats.isDirectory()) throw new MediadError('input.not_file', 'it is not a regular file')
  throw new MediadError('input.not_file', `it is a folder: name the files in it, such as ${join(path, '*')}`)
}
