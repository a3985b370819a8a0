import type { z } from 'zod'
import { parse, type Problem } from './validation.ts'
import type { MediaSummary, Output, Source } from './job.ts'
import type { FfmpegCommand, FfmpegResult, FfmpegTrial } from './ffmpeg.ts'
import type { Log } from './log.ts'
import type { Probe } from './media.ts'

/** A file that a plugin made, on its way to S3. */
export type Artifact = {
  /** Absolute, inside the workspace. */
  readonly path: string
  /** What it is, in the plugin's word: `video`, `thumbnail`, … */
  readonly kind: string
  /** The object key it will get. */
  readonly key: string
  readonly contentType: string
  readonly sizeBytes: number
  /** Wall time the plugin took to make it. */
  readonly seconds: number
  readonly media?: MediaSummary
}

export type AddOptions = {
  /** Key template: `{name}` (the source's key without prefix and extension), `{id}`, and whatever `values` names. */
  key: string
  contentType: string
  /** Values for further places in the template, e.g. `{ n: 2 }` for `{n}`. */
  values?: Readonly<Record<string, string | number>>
}

export type UploadOptions = {
  /** `own` (default): replace only what an earlier attempt of this job wrote. `always`: replace whatever is there. */
  overwrite?: 'own' | 'always'
  /** Fraction that has arrived, 0 to 1. */
  onProgress?: (fraction: number) => void
}

/** What a plugin's `run` gets. */
export type RunContext = {
  readonly job: { readonly id: string; readonly attempt: number; readonly claim: number }
  readonly source: Source
  /** Absolute path of the downloaded source. Its name says nothing; never derive anything from it. */
  readonly input: string
  /** What ffprobe says of the source. */
  readonly probe: Probe
  /** The attempt's own folder; removed when the attempt ends. */
  readonly workspace: string
  /** What the plugins so far have added. */
  readonly artifacts: readonly Artifact[]
  /**
   * Hands a finished file over: checks that it lies in the workspace and is not empty, and looks into it with ffprobe
   * when its content type is audio, video or image.
   */
  add(path: string, kind: string, options: AddOptions): Promise<Artifact>
  /** Fraction of this plugin's work that is done, 0 to 1. */
  progress(fraction: number): void
  /** Something the job's owner should know although the job succeeds; it stands in the job document and in the log. */
  warn(message: string): void
  /** This plugin does not apply to this source: the reason stands in the job document. To be followed by a return. */
  skip(reason: string): void
  /** Aborts when the daemon stops or the job is another's; everything that takes long must obey it. */
  readonly signal: AbortSignal
  readonly log: Log
  /**
   * Runs ffmpeg hardened, with progress, abort and stall watchdog. Every output exists and is not empty when it resolves.
   * @throws MediadError `internal.ffmpeg`, `internal.ffmpeg_signal`, `internal.output`, `transient.stalled`, `input.*`,
   * `resource.*`
   */
  ffmpeg(command: FfmpegCommand): Promise<FfmpegResult>
  /** ffprobe on a file in the workspace. */
  inspect(path: string): Promise<Probe>
  readonly storage: {
    /** Streams an artifact to its key, conditionally: never over what a later claim or somebody else wrote. */
    upload(artifact: Artifact, options?: UploadOptions): Promise<Output>
  }
}

export type SetupContext = { readonly log: Log }

/** What a plugin's factory returns. Returning from `run` means done, throwing means not done. */
export type PluginHooks = {
  /** Key templates `run` may write to; checked against the source prefix and against each other at start. */
  keys?: readonly string[]
  /** ffmpeg encoders `run` needs; the daemon refuses to start without them. */
  encoders?: readonly string[]
  /** ffmpeg filters `run` needs beyond those of every ffmpeg, such as `zscale`; the same applies. */
  filters?: readonly string[]
  /** What `run` does with ffmpeg, as trials; the daemon refuses to start when one fails. `sample` is what they read. */
  trials?(sample: Probe): readonly FfmpegTrial[]
  /** Once per daemon, before the first job. */
  setup?(context: SetupContext): void | Promise<void>
  /** Once per attempt. Must be idempotent: it may run again over its own earlier results. */
  run(context: RunContext): void | Promise<void>
  /** Once per daemon, in reverse order, only after a setup that worked. */
  teardown?(): void | Promise<void>
}

/** A configured plugin, ready for the chain. Made by the function that {@link definePlugin} returns. */
export type Plugin = {
  readonly name: string
  /** Wrong options, reported together with every other mistake of the config. A plugin with problems never runs. */
  readonly problems: readonly Problem[]
  readonly hooks: PluginHooks
}

type Factory<Schema extends z.ZodObject> =
  {} extends z.input<Schema> ? (options?: z.input<Schema>) => Plugin : (options: z.input<Schema>) => Plugin

/**
 * Makes a plugin: a function from options to a plain object of hooks; state is a closure.
 * Options are checked by `schema`; unknown ones are errors. Mistakes surface when the config is loaded.
 *
 * @example
 * export const touch = definePlugin('touch', z.object({ text: z.string().default('hi') }), ({ text }) => ({
 *   keys: ['note_{name}.txt'],
 *   async run({ workspace, add }) {
 *     const path = join(workspace, 'note.txt')
 *     await writeFile(path, text)
 *     await add(path, 'note', { key: 'note_{name}.txt', contentType: 'text/plain' })
 *   },
 * }))
 */
export function definePlugin<Schema extends z.ZodObject>(
  name: string,
  schema: Schema,
  factory: (options: z.output<Schema>) => PluginHooks,
): Factory<Schema> {
  return ((options: unknown = {}): Plugin => {
    const parsed = parse(schema.strict(), options)
    if (!parsed.ok) return { name, problems: parsed.problems, hooks: { run: refuse } }
    return { name, problems: [], hooks: factory(parsed.data as z.output<Schema>) }
  }) as Factory<Schema>
}

function refuse(): never {
  throw new Error('a plugin with wrong options was run')
}
