import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createFfmpeg } from '../../daemon/ffmpeg/ffmpeg.ts'
import type { AddOptions, Artifact, Plugin, RunContext, UploadOptions } from '../../daemon/vocabulary/plugin.ts'
import type { FfmpegCommand } from '../../daemon/vocabulary/ffmpeg.ts'
import type { Log } from '../../daemon/vocabulary/log.ts'
import { createInspect } from '../../daemon/probe/inspect.ts'
import { openPrograms } from '../../daemon/programs/programs.ts'
import { renderKey } from '../../daemon/protocol/keys.ts'
import type { Source } from '../../daemon/vocabulary/job.ts'
import { temporaryFolder } from './folder.ts'
import { makeVideo, type VideoOptions } from './media.ts'
import { limits } from './probes.ts'

const route = { prefix: 'origin_', plugins: [] }

export type TestContext = RunContext & {
  /** Arguments of the calls of `progress`. */
  readonly fractions: readonly number[]
  /** Commands that ran. */
  readonly commands: readonly FfmpegCommand[]
  readonly warnings: readonly string[]
  readonly skips: readonly string[]
  readonly notes: readonly string[]
  readonly logged: readonly LoggedLine[]
  readonly uploads: readonly { key: string; overwrite: UploadOptions['overwrite'] }[]
}

/** Creates the context of a plugin, with the real ffmpeg and ffprobe but no daemon; `storage` only records its calls. */
export async function createTestContext(options: {
  input: string
  /** An existing folder. */
  workspace: string
  signal?: AbortSignal
  stallSeconds?: number
  /** Program to run instead of ffmpeg. */
  ffmpegPath?: string | undefined
}): Promise<TestContext> {
  const { input, workspace, signal = new AbortController().signal, stallSeconds = 20, ffmpegPath = 'ffmpeg' } = options
  const programs = await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory: workspace })
  const inspect = createInspect({ programs, limits })
  const ffmpeg = createFfmpeg({ programs, stallSeconds, limits })
  const source: Source = { bucket: 'media', key: 'origin_video.mp4', etag: 'e', sizeBytes: (await stat(input)).size }
  const scope = { id: 'job1', version: 'v1', source, route, routes: [route] as const, statePrefix: '.mediad/' }
  const artifacts: Artifact[] = []
  const [fractions, commands]: [number[], FfmpegCommand[]] = [[], []]
  const logged: LoggedLine[] = []
  const [warnings, skips, notes]: [string[], string[], string[]] = [[], [], []]
  const uploads: { key: string; overwrite: UploadOptions['overwrite'] }[] = []
  const log = createTestLog(logged)
  const add = async (path: string, kind: string, { key, values, ...rest }: AddOptions) => {
    const { size } = await stat(path)
    const artifact = { path, kind, key: renderKey(key, scope, values), sizeBytes: size, seconds: 0, ...rest }
    artifacts.push(artifact)
    return artifact
  }
  return {
    job: { id: 'job1', attempt: 1, claim: 1 },
    source,
    input,
    probe: await inspect(input, signal),
    workspace,
    artifacts,
    add,
    signal,
    log,
    warn: (message) => void warnings.push(message),
    skip: (reason) => void skips.push(reason),
    note: (message) => void notes.push(message),
    toKey: ({ key, values }) => renderKey(key, scope, values),
    notes,
    warnings,
    skips,
    fractions,
    commands,
    logged,
    uploads,
    progress: (fraction) => void fractions.push(fraction),
    inspect: (path) => inspect(path, signal),
    ffmpeg(command) {
      commands.push(command)
      return ffmpeg.run({ command, input, workspace, signal, log })
    },
    storage: createRecordingStorage(uploads),
  }
}

/** Creates a storage that only records its calls. */
function createRecordingStorage(
  uploads: { key: string; overwrite: UploadOptions['overwrite'] }[],
): RunContext['storage'] {
  return {
    async upload(artifact, { overwrite, onProgress } = {}) {
      uploads.push({ key: artifact.key, overwrite })
      onProgress?.(0.5)
      onProgress?.(1)
      const { key, kind, contentType, sizeBytes, seconds } = artifact
      return { key, kind, contentType, sizeBytes, seconds, etag: 'e' }
    },
  }
}

/** A log line: its fields, and its text as `message`. */
export type LoggedLine = { level: string; message: string; event?: string; [field: string]: unknown }

/** Creates a log that collects its lines. */
export function createTestLog(lines: LoggedLine[] = []): Log {
  const method = (level: string) => (first: object | string, message?: string) =>
    void lines.push(typeof first === 'string' ? { level, message: first } : { ...first, level, message: message ?? '' })
  const log: Log = {
    debug: method('debug'),
    info: method('info'),
    warn: method('warn'),
    error: method('error'),
    child: () => log,
  }
  return log
}

/** A finished run of a plugin. Its folder is removed after the check. */
export type PluginRun = { context: TestContext }

/** Runs a plugin on a small video, whose container follows from `name`, and checks the result. */
export async function withRun(
  options: {
    plugin: Plugin
    video?: VideoOptions
    name?: string
    change?: (path: string) => Promise<void>
    ffmpegPath?: string
  },
  check: (run: PluginRun) => void | Promise<void>,
): Promise<void> {
  await using temporary = await temporaryFolder()
  const input = join(temporary.path, options.name ?? 'source.mp4')
  await makeVideo(input, options.video)
  await options.change?.(input)
  const context = await createTestContext({ input, workspace: temporary.path, ffmpegPath: options.ffmpegPath })
  assert.equal(options.plugin.problems, [])
  await options.plugin.hooks.run(context)
  await check({ context })
}
