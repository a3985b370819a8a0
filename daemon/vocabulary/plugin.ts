import type { z } from 'zod'
import { parse, type Problem } from './validation/validation.ts'
import type { MediaSummary, Output, Source } from './job.ts'
import type { FfmpegCommand, FfmpegResult, FfmpegTrial } from './ffmpeg.ts'
import type { Log } from './log.ts'
import type { Probe } from './media.ts'

/** A file that a plugin made, to be uploaded to S3. */
export type Artifact = {
  /** Absolute path of the file, inside the workspace. */
  readonly path: string
  /** Kind of the file, as the plugin names it: `video`, `thumbnail`, … */
  readonly kind: string
  /** Key that the uploaded object will have. */
  readonly key: string
  readonly contentType: string
  /** `Cache-Control` that the object will have; absent for none. */
  readonly cacheControl?: string
  readonly sizeBytes: number
  /** Wall time in which the plugin made the file. */
  readonly seconds: number
  /** Properties of the file, read by ffprobe; absent for files that ffprobe does not read. */
  readonly media?: MediaSummary
  /** Tracks that were copied from the source without re-encoding, as the plugin reports it. */
  readonly copied?: readonly ('video' | 'audio')[]
}

/** Options of {@link RunContext.add}. */
export type AddOptions = {
  /**
   * Key template with `{name}` (the source's key without prefix and extension), `{id}`, `{version}` (another text for each
   * attempt, so that the object never changes), and the names in `values`.
   */
  key: string
  contentType: string
  /** `Cache-Control` of the object, for browsers and CDNs, such as `max-age=10`. Default: none. */
  cacheControl?: string
  /** Values of further placeholders, such as `{ n: 2 }` for `{n}`. */
  values?: Readonly<Record<string, string | number>>
  /** ISO 639-2 code of the language, for a file that ffprobe does not read, such as subtitles. */
  language?: string | undefined
  /** Duration in seconds, for a file whose duration ffprobe does not report exactly, such as a fragmented one. */
  durationSeconds?: number | undefined
  /** Tracks that were copied from the source without re-encoding; empty if all were re-encoded. The job document has it. */
  copied?: readonly ('video' | 'audio')[]
}

/** Options of `storage.upload` in {@link RunContext}. */
export type UploadOptions = {
  /** `own` (default) replaces only an object that an attempt of the same job wrote, `always` replaces any object. */
  overwrite?: 'own' | 'always'
  /** Receives the uploaded fraction, from 0 to 1. */
  onProgress?: (fraction: number) => void
}

/** Everything that a plugin's `run` receives for one attempt. */
export type RunContext = {
  /** Id of the job, number of the attempt (from 1) and number of the claim (from 1). */
  readonly job: { readonly id: string; readonly attempt: number; readonly claim: number }
  /** The uploaded object. Its key is client input: do not use it in a path or a command. */
  readonly source: Source
  /**
   * Absolute path of the downloaded source. Read it, but do not write to it, and do not derive anything from its name.
   */
  readonly input: string
  /** What ffprobe reports about the source. */
  readonly probe: Probe
  /** Absolute path of the attempt's temporary folder. It is removed when the attempt ends. */
  readonly workspace: string
  /** The artifacts that this plugin and the plugins before it have added. */
  readonly artifacts: readonly Artifact[]
  /**
   * Adds a finished file of the workspace to the artifacts. Probes it when its content type is audio, video, or an
   * image that ffprobe reads.
   *
   * @param path path of the file, absolute or relative to the workspace
   * @param kind what the file is, such as `video` or `thumbnail`; it is stored in the job document
   * @throws MediadError `internal.output` for a file that is missing, empty, outside the workspace, or not valid media;
   * `output.key` for a key that is not allowed, not in the plugin's `keys`, or used by another file of this attempt;
   * `output.too_many`, `resource.limit`
   */
  add(path: string, kind: string, options: AddOptions): Promise<Artifact>
  /**
   * Returns the key that a file with these options will have, for files that refer to others.
   *
   * @throws MediadError `output.key` for a key that is not allowed, or not in the plugin's `keys`
   */
  toKey(options: Pick<AddOptions, 'key' | 'values'>): string
  /** Reports the completed fraction of this plugin's work, from 0 to 1. It is a part of the progress of the chain. */
  progress(fraction: number): void
  /**
   * Adds a warning to the job document and to the log; the job continues. The document holds up to 100 warnings of up
   * to 500 characters each.
   */
  warn(message: string): void
  /**
   * Records a decision of the plugin, and the reason for it, in its entry of the job document's timings. The document
   * holds up to 10 notes of each plugin, of up to 500 characters each.
   */
  note(message: string): void
  /** Records in the job document that this plugin does not apply to the source. Return from `run` after it. */
  skip(reason: string): void
  /**
   * Aborts when the daemon stops or loses the job, and when the time of the plugin is used up. Pass it to everything that
   * takes long: the daemon continues without a plugin that ignores it for 5 s.
   */
  readonly signal: AbortSignal
  /** Log of the plugin. Every line has the id of the job and the name of the plugin. */
  readonly log: Log
  /**
   * Runs ffmpeg, hardened and limited by the config. When it resolves, every output exists and is not empty; whether
   * the output is complete is for the plugin to check, with `inspect`. The run ends when `signal` aborts, and when
   * ffmpeg makes no progress for too long.
   *
   * @throws MediadError `internal.ffmpeg`, `internal.ffmpeg_signal`, `internal.output`, `transient.stalled`, `input.*`,
   * `resource.*`
   */
  ffmpeg(command: FfmpegCommand): Promise<FfmpegResult>
  /**
   * Runs ffprobe on a file in the workspace.
   *
   * @throws MediadError `internal.output` for a file that is not valid media; `resource.limit` for one that is too long
   */
  inspect(path: string): Promise<Probe>
  readonly storage: {
    /**
     * Uploads an artifact to its key and lists it in the job document. The write is conditional: it never replaces an
     * object that a newer claim of the job wrote, nor, unless `overwrite` is `always`, an object that is not of this job.
     *
     * @throws MediadError `output.exists`, `output.too_many`, `lease.lost`, `transient.storage`, `internal.output`
     */
    upload(artifact: Artifact, options?: UploadOptions): Promise<Output>
  }
}

/** What a plugin's `setup` receives. */
export type SetupContext = {
  /** Log of the plugin. */
  readonly log: Log
}

/** What a plugin's factory returns. Only `run` is required. */
export type PluginHooks = {
  /**
   * Key templates that `run` passes to `add`; no others are accepted. At start they are checked against the prefixes and those
   * of other plugins.
   */
  keys?: readonly string[]
  /**
   * Declares that `run` takes the artifacts of the plugins before it out of the workspace: `true` when it passes them to
   * `storage.upload`, `'elsewhere'` when it delivers all of them by its own means. A chain in which no such plugin comes
   * after a plugin with `keys` is not valid. An attempt that ends with an artifact not uploaded fails.
   */
  publishes?: boolean | 'elsewhere'
  /** ffmpeg encoders that `run` needs. The daemon does not start without them. */
  encoders?: readonly string[]
  /**
   * ffmpeg filters that `run` needs and not every build has, such as `zscale`. The daemon does not start without them.
   */
  filters?: readonly string[]
  /**
   * Returns short runs of ffmpeg with the options that `run` will use. The daemon does not start when one fails.
   *
   * @param sample probe of the generated file that the trials read
   */
  trials?(sample: Probe): readonly FfmpegTrial[]
  /** Longest time of one `run` in seconds, instead of `limits.pluginSeconds`. */
  maxSeconds?: number
  /** Share of the chain's time that `run` usually takes, relative to the other plugins, for `progress.percent`. Default 1. */
  weight?: number
  /** Runs once per daemon, before the first job. The daemon does not start when it throws. */
  setup?(context: SetupContext): void | Promise<void>
  /**
   * Runs once per attempt. To return is success, to throw is failure; the verdict of the error decides about the job.
   * It must be idempotent, because it can run again after an attempt that ended at any point.
   */
  run(context: RunContext): void | Promise<void>
  /** Runs once per daemon after the last job, in reverse order of the plugins, and only when `setup` succeeded. */
  teardown?(): void | Promise<void>
}

/** A configured plugin for the chain. The function that {@link definePlugin} returns creates it. */
export type Plugin = {
  readonly name: string
  /** Options that are not valid. They are reported with all other problems of the config; such a plugin never runs. */
  readonly problems: readonly Problem[]
  readonly hooks: PluginHooks
  /** Returns this plugin with other values of some options; `undefined` sets the default. */
  readonly withOptions?: (change: Readonly<Record<string, unknown>>) => Plugin
}

type Factory<Schema extends z.ZodObject> =
  {} extends z.input<Schema> ? (options?: z.input<Schema>) => Plugin : (options: z.input<Schema>) => Plugin

/**
 * Defines a plugin: returns a function that takes the options and returns a {@link Plugin} for the config. The options
 * are checked when the config is loaded; unknown ones are errors. State that jobs share lives in the closure of
 * `factory`; several jobs can be in `run` at once.
 *
 * @param name identifies the plugin in the config's problems, the log and the job document
 * @param schema zod object of the options
 * @param factory returns the hooks for the checked options
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
  const create = (options: unknown = {}): Plugin => {
    const parsed = parse(schema.strict(), options)
    if (!parsed.ok) return { name, problems: parsed.problems, hooks: { run: throwInvalid } }
    const withOptions = (change: object) => create({ ...(options as object), ...change })
    return { name, problems: [], hooks: factory(parsed.data as z.output<Schema>), withOptions }
  }
  return create as Factory<Schema>
}

function throwInvalid(): never {
  throw new Error('a plugin with invalid options was run')
}
