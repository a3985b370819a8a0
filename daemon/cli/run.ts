import { createHash } from 'node:crypto'
import { copyFile, mkdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, resolve, join } from 'node:path'
import { SingleBar } from 'cli-progress'
import { runChecks } from '../lifecycle/check.ts'
import { createFfmpegChecks } from '../lifecycle/ffmpeg-checks.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toJobId, type Output, type Warning } from '../vocabulary/job.ts'
import { PluginFailure, type ChainResult } from '../pipeline/chain.ts'
import { toFrames } from '../log/error-fields.ts'
import { createPipeline, type Pipeline } from '../composition/pipeline.ts'
import type { Artifact } from '../vocabulary/plugin.ts'
import { toOutput } from '../pipeline/publish.ts'
import { assertSourceSize } from '../pipeline/process.ts'
import { openPrograms, toProgramOptions } from '../programs/programs.ts'
import { openWorkspaces, type Workspaces } from '../pipeline/workspace.ts'
import { withReleasers } from '../vocabulary/releasers.ts'
import { listenForStop } from '../terminal/signals.ts'
import { toPlain, toTable } from '../terminal/table.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { toTarget } from './target.ts'

export type RunOptions = { out: string; config?: string }

type Session = {
  config: Config
  pipeline: Pipeline
  workspaces: Workspaces
  out: string
  /** Paths of the sources and of the files written so far, which must not be overwritten. */
  taken: Set<string>
  signal: AbortSignal
  terminal: Terminal
}

/** `mediad run FILE…`: runs the plugin chain on local files and writes the results to a folder. Returns 1 if a file failed. */
export async function run(terminal: Terminal, files: readonly string[], options: RunOptions): Promise<0 | 1> {
  using signals = listenForStop()
  const stop = new AbortController()
  void signals.first.then(() => stop.abort(new MediadError('daemon.stopping', 'stopped')))
  let failed = 0
  const releasers = await withReleasers(async (push) => {
    const { config } = await loadConfig({
      ...(options.config !== undefined && { file: options.config }),
      overrides: withoutQueues,
    })
    const workspaces = await openWorkspaces(config.workspace)
    push('the workspaces', () => workspaces.close())
    const programs = await openPrograms(toProgramOptions(config, workspaces.path))
    push('the programs', () => programs.close())
    await runChecks(createFfmpegChecks({ config, openPrograms: async () => programs, log: terminal.log }), terminal.log)
    const pipeline = createPipeline({ config, programs, log: terminal.log })
    const plugins = await pipeline.openPlugins()
    push('the plugins', () => plugins.release())
    const taken = new Set(await Promise.all(files.map((file) => toRealPath(resolve(file)))))
    const out = resolve(options.out)
    const session = { config, pipeline, workspaces, out, taken, signal: stop.signal, terminal }
    for (const file of files) if (!(await runFile(session, file))) failed++
  })
  await releasers.release()
  return failed === 0 ? 0 : 1
}

/** Placeholder URLs: the queues are not used, so their environment variables do not have to be set. */
const withoutQueues = {
  queues: {
    work: { url: 'http://localhost/work' },
    inProgress: { url: 'http://localhost/in-progress' },
    dead: { url: 'http://localhost/dead' },
  },
}

async function runFile(session: Session, file: string): Promise<boolean> {
  const { terminal } = session
  const bar = openBar(terminal)
  try {
    const { outputs, timings, warnings } = await processFile(session, resolve(file), bar)
    bar?.stop()
    const skipped = timings.flatMap(({ plugin, skipped }) =>
      skipped === undefined ? [] : [{ plugin, message: skipped }],
    )
    const notes = [
      ...skipped.map(({ plugin, message }) => `${plugin} skipped: ${toPlain(message)}`),
      ...warnings.map(({ plugin, message }) => `${plugin}: ${toPlain(message)}`),
    ]
    terminal.print([file, toTable(outputs, terminal.width), ...notes].join('\n'), {
      file,
      ok: true,
      outputs,
      timings,
      warnings,
    })
    return true
  } catch (error) {
    bar?.stop()
    terminal.print(...describeFailure(file, error))
    return false
  }
}

/** Describes a failure with what the failed program printed, or where a plugin threw an error without a code. */
export function describeFailure(file: string, thrown: unknown): [line: string, fields: Record<string, unknown>] {
  const cause = thrown instanceof PluginFailure ? thrown.cause : thrown
  const { code, stderr, cause: inner } = toMediadError(cause, 'internal.plugin')
  const stack = code === 'internal.plugin' && inner instanceof Error ? (toFrames(inner) ?? []) : []
  const plugin = thrown instanceof PluginFailure ? { plugin: thrown.plugin } : {}
  const problem = toMessage(thrown)
  const details = [...stderr, ...stack].map((line) => `\n  ${toPlain(line)}`)
  const more = { ...(stderr.length > 0 && { stderr }), ...(stack.length > 0 && { stack }) }
  return [
    `${file}: ${code}: ${toPlain(problem)}${details.join('')}`,
    { file, ok: false, code, problem, ...plugin, ...more },
  ]
}

async function processFile(
  { config, pipeline, workspaces, out, taken, signal, terminal }: Session,
  path: string,
  bar: SingleBar | null,
): Promise<ChainResult & { warnings: readonly Warning[] }> {
  const sizeBytes = await readFileSize(path)
  assertSourceSize({ key: path, sizeBytes }, config.limits.sourceBytes)
  const warnings: Warning[] = []
  const { bucket, routes } = config
  const [route] = routes
  const source = { bucket, key: route.prefix + basename(path), etag: 'local', sizeBytes }
  const id = toJobId(bucket, source.key)
  await using workspace = await workspaces.open({ id, claim: 1, sizeBytes })
  const result = await pipeline.runChain(route.plugins, {
    document: { id, attempt: 1, claim: 1, source },
    scope: { id, source, route, routes, statePrefix: config.state.prefix },
    workspace: workspace.path,
    input: path,
    probe: await pipeline.inspect(path, signal),
    signal,
    log: terminal.log.child({ file: basename(path) }),
    onProgress: ({ plugin, percent }) => bar?.update(percent, { plugin }),
    onWarning: (warning) => void warnings.push(warning),
    upload: (artifact) => saveTo(out, artifact, taken),
  })
  return { ...result, warnings }
}

/** Saves an artifact in the output folder, with its key as the path. Results of an earlier run are replaced. */
async function saveTo(out: string, artifact: Artifact, taken: Set<string>): Promise<Output> {
  const { path, key } = artifact
  const target = toTarget(out, key)
  await mkdir(dirname(target), { recursive: true })
  const real = await toRealPath(target)
  if (taken.has(real)) {
    const message = `${target} is a source of this run, or a result of another file: choose another folder with --out`
    throw new MediadError('output.exists', message)
  }
  taken.add(real)
  await copyFile(path, target)
  return toOutput(artifact, createHash('sha256').update(key).digest('hex').slice(0, 32))
}

/** Follows symbolic links; returns the path itself if it does not exist. */
async function toRealPath(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return path
    throw error
  }
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

function openBar({ human }: Terminal): SingleBar | null {
  if (!human) return null
  const bar = new SingleBar({
    format: '{bar} {percentage}% {plugin}',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
  })
  bar.start(100, 0, { plugin: '' })
  return bar
}
