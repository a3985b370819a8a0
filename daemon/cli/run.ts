import { createHash } from 'node:crypto'
import { copyFile, mkdir, realpath } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import type { Output } from '../vocabulary/job.ts'
import { PluginFailure } from '../pipeline/chain.ts'
import { toFrames } from '../log/error-fields.ts'
import { createPipeline, type Pipeline } from '../composition/pipeline.ts'
import type { Artifact } from '../vocabulary/plugin.ts'
import { toOutput } from '../pipeline/publish.ts'
import type { Workspaces } from '../pipeline/workspace.ts'
import { withReleasers } from '../vocabulary/releasers.ts'
import { noTracing } from '../vocabulary/tracing/tracing.ts'
import { openBar, type Bar } from '../terminal/bar.ts'
import { listenForStop } from '../terminal/signals.ts'
import { toPlain, toTable } from '../terminal/table.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { openLocalChain, runLocalChain } from './local-chain.ts'
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
    const { config, workspaces, programs } = await openLocalChain(options, terminal, push)
    const pipeline = createPipeline({ config, programs, log: terminal.log, tracing: noTracing })
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

async function runFile(session: Session, file: string): Promise<boolean> {
  const { terminal } = session
  const bar = openBar(terminal)
  try {
    const { outputs, timings, warnings } = await processFile(session, resolve(file), bar)
    bar.stop()
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
    bar.stop()
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

function processFile({ out, taken, terminal, ...session }: Session, path: string, bar: Bar) {
  const [route] = session.config.routes
  return runLocalChain({
    ...session,
    path,
    plugins: route.plugins,
    log: terminal.log,
    onProgress: ({ plugin, percent }) => bar.update(percent, plugin),
    upload: (artifact) => saveTo(out, artifact, taken),
  })
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
