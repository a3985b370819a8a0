import { copyFile, mkdtemp, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { toMediadError, type Verdict } from '../../daemon/vocabulary/errors.ts'
import { limitsShape, type JobLimits } from '../../daemon/config/limits.ts'
import { toJobId, type PluginTiming } from '../../daemon/vocabulary/job.ts'
import { PluginFailure } from '../../daemon/pipeline/chain.ts'
import { createPipeline } from '../../daemon/composition/pipeline.ts'
import { createFfmpeg } from '../../daemon/ffmpeg/ffmpeg.ts'
import type { Probe } from '../../daemon/vocabulary/media.ts'
import type { Artifact, Plugin } from '../../daemon/vocabulary/plugin.ts'
import type { Log } from '../../daemon/vocabulary/log.ts'
import { createInspect } from '../../daemon/probe/inspect.ts'
import { openPrograms, type Programs } from '../../daemon/programs/programs.ts'
import { assertSourceSize } from '../../daemon/pipeline/process.ts'
import { toOutput } from '../../daemon/pipeline/publish.ts'
import { openWorkspaces, type Workspaces } from '../../daemon/pipeline/workspace.ts'
import { z } from '../../daemon/index.ts'
import { noTracing } from '../../daemon/vocabulary/tracing/tracing.ts'
import { createTestLog } from './context.ts'
import { temporaryFolder } from './folder.ts'

export type Ran = Succeeded | Failed

export type Succeeded = {
  readonly ok: true
  /** Outputs in the order of the chain. The files exist until the bench is disposed. */
  readonly outputs: readonly { kind: string; key: string; path: string }[]
  readonly timings: readonly PluginTiming[]
  /** Warnings as `plugin: message`. */
  readonly warnings: readonly string[]
  /** Probe of the source; null when it was only decoded. */
  readonly probe: Probe | null
}

export type Failed = {
  readonly ok: false
  readonly code: string
  readonly verdict: Verdict
  readonly message: string
  /** The plugin that failed; null when the file was rejected before the chain. */
  readonly plugin: string | null
  readonly stderr: readonly string[]
}

export type FileBench = {
  /** Contains all files of the bench, and is removed with it. */
  readonly folder: string
  readonly programs: Programs
  /** Runs probe and chain on a file, as `mediad run` and a daemon do. Never rejects. */
  run(path: string, plugins: readonly Plugin[], limits?: Partial<JobLimits>): Promise<Ran>
  /** Runs only ffprobe on a file, with its original name. */
  inspect(path: string): Promise<Ran>
  /** Runs only ffmpeg on a file, with its original name and without a probe. */
  decode(path: string): Promise<Ran>
} & AsyncDisposable

export type BenchOptions = {
  /** `ffmpeg.command` of the config. */
  command?: readonly string[]
  memoryBytes?: number
  stallSeconds?: number
}

const defaults = z.strictObject(limitsShape).parse({})

type BenchDeps = {
  folder: string
  workspaces: Workspaces
  programs: Programs
  stallSeconds: number
  log: Log
  signal: AbortSignal
}

/** Opens the pipeline without queues and S3. */
export async function openFileBench(options: BenchOptions = {}): Promise<FileBench> {
  const { command = [], memoryBytes = defaults.memoryBytes, stallSeconds = 60 } = options
  const temporary = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: temporary.path })
  const paths = { ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', directory: workspaces.path }
  const programs = await openPrograms({ ...paths, command, memoryBytes })
  const { signal } = new AbortController()
  const deps = { folder: temporary.path, workspaces, programs, stallSeconds, log: createTestLog(), signal }
  return {
    folder: temporary.path,
    programs,
    run: (path, plugins, limits = {}) =>
      runChain(deps, path, { plugins, limits: { ...defaults, ...limits } }).catch(toFailed),
    inspect: (path) => inspectOnly(deps, path).catch(toFailed),
    decode: (path) => decode(deps, path).catch(toFailed),
    async [Symbol.asyncDispose]() {
      await workspaces.close()
      await temporary[Symbol.asyncDispose]()
    },
  }
}

type RunOptions = { plugins: readonly Plugin[]; limits: JobLimits }

async function runChain(deps: BenchDeps, path: string, { plugins, limits }: RunOptions): Promise<Succeeded> {
  const { folder, workspaces, programs, stallSeconds, log, signal } = deps
  const { size } = await stat(path)
  const source = { bucket: 'media', key: `origin_${basename(path)}`, etag: 'local', sizeBytes: size }
  assertSourceSize(source, limits.sourceBytes)
  const id = toJobId(source.bucket, source.key)
  await using workspace = await workspaces.open({ id, claim: nextClaim(), sizeBytes: size })
  const input = join(workspace.path, 'source')
  await copyFile(path, input)
  const out = await mkdtemp(join(folder, 'out-'))
  const outputs: Succeeded['outputs'][number][] = []
  const warnings: string[] = []
  const route = { prefix: 'origin_', plugins }
  const pipeline = createPipeline({
    config: { limits, routes: [route], ffmpeg: { stallSeconds } },
    programs,
    log,
    tracing: noTracing,
  })
  const probe = await pipeline.inspect(input, signal)
  const opened = await pipeline.openPlugins()
  const { timings } = await pipeline.runChain(plugins, {
    document: { id, attempt: 1, claim: 1, source },
    scope: { id, version: `v${claims}`, source, route, routes: [route], statePrefix: '.mediad/' },
    workspace: workspace.path,
    input,
    probe,
    signal,
    log,
    onProgress: () => undefined,
    onWarning: ({ plugin, message }) => void warnings.push(`${plugin}: ${message}`),
    async upload(artifact: Artifact) {
      const saved = join(out, `${outputs.length}-${basename(artifact.path)}`)
      await copyFile(artifact.path, saved)
      outputs.push({ kind: artifact.kind, key: artifact.key, path: saved })
      return toOutput(artifact, 'etag')
    },
  })
  await opened.release()
  return { ok: true, outputs, timings, warnings, probe }
}

async function inspectOnly({ programs, signal }: BenchDeps, path: string): Promise<Succeeded> {
  const probe = await createInspect({ programs, limits: defaults })(path, signal)
  return { ok: true, outputs: [], timings: [], warnings: [], probe }
}

async function decode(
  { workspaces, programs, stallSeconds, log, signal }: BenchDeps,
  path: string,
): Promise<Succeeded> {
  await using workspace = await workspaces.open({ id: 'decode', claim: nextClaim(), sizeBytes: 0 })
  const command = { outputs: [{ path: join(workspace.path, 'out.mkv'), options: ['-t', '1'] }] }
  const ffmpeg = createFfmpeg({ programs, stallSeconds, limits: defaults })
  await ffmpeg.run({ command, input: path, workspace: workspace.path, signal, log })
  return { ok: true, outputs: [], timings: [], warnings: [], probe: null }
}

let claims = 0
const nextClaim = () => ++claims

/** An error without a code counts as `internal.plugin`, as in a daemon. */
function toFailed(thrown: unknown): Failed {
  const error = toMediadError(thrown instanceof PluginFailure ? thrown.cause : thrown, 'internal.plugin')
  const plugin = thrown instanceof PluginFailure ? thrown.plugin : null
  const { code, verdict, message, stderr } = error
  return { ok: false, code, verdict, message, plugin, stderr }
}
