import { tmpdir } from 'node:os'
import { z } from 'zod'
import type { DaemonEvent } from '../vocabulary/events.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { explainCron } from './cron.ts'
import { describeMissing } from '../vocabulary/missing.ts'
import { limitsShape, type JobLimits } from './limits.ts'
import { show } from '../vocabulary/validation.ts'
import { whole } from './integer.ts'

/** The checked configuration, complete and frozen. */
export type Config = {
  /** Holds the sources, the results and the job documents. */
  readonly bucket: string
  readonly source: {
    /** Objects whose key starts with this are sources. Default `origin_`; 1 to 200 characters. */
    readonly prefix: string
  }
  readonly state: {
    /** Where the job documents live. Default `.mediad/`; apart from the source prefix. */
    readonly prefix: string
  }
  readonly queues: {
    /** Fed by S3's notifications. */
    readonly work: PolledQueue
    /** Fed by daemons: the promises that somebody will look at a job again. Without a redrive policy. */
    readonly inProgress: PolledQueue
    /** Where buried jobs go, for people to look at. */
    readonly dead: { readonly url: string }
  }
  readonly job: {
    /** How often one version of a source is tried before it is buried. Default 5; 1 to 100. */
    readonly attempts: number
    /** A daemon silent for this long has lost its job to the next. Default 60; 6 to 3600. */
    readonly leaseSeconds: number
    /** Pause before a record on the in-progress queue is looked at, and looked at again. Default 30; 1 to 900. */
    readonly recheckSeconds: number
    /** Base of the exponential pause after a failure, which never exceeds 900. Default 5; 0 to 900. */
    readonly backoffSeconds: number
  }
  readonly workspace: {
    /** Every attempt gets a temporary folder in here; it needs room for source and results. Default: the system's. */
    readonly directory: string
  }
  readonly ffmpeg: {
    /** Default `ffmpeg`, searched in PATH. */
    readonly path: string
    /** Default `ffprobe`, searched in PATH. */
    readonly probePath: string
    /** ffmpeg without progress for this long is ended and the job tried again. Default 60; 1 to 86400. */
    readonly stallSeconds: number
    /**
     * A program and its options that ffmpeg and ffprobe are started by, such as bubblewrap or firejail; `{workspace}` is
     * the attempt's folder, `{input}` the file that is read. Default `[]`: none.
     */
    readonly command: readonly string[]
  }
  /** What one job may cost; nothing in a job can raise it. */
  readonly limits: JobLimits
  readonly http: {
    /** Default `127.0.0.1`; `0.0.0.0` or `::` to be reached from other machines. */
    readonly host: string
    /** Default 3000; 0 takes any free port. */
    readonly port: number
    /** How long an upload URL may be used. Default 900; 1 to 604800 (7 days, the limit of S3's signature). */
    readonly urlSeconds: number
    /** Largest size a client may state. Default and limit 5 GiB, the largest object S3 takes in one PUT. */
    readonly maxUploadBytes: number
  }
  readonly shutdown: {
    /** How long running jobs may go on after the first signal to stop. Default 30; 0 to 3600. */
    readonly graceSeconds: number
    /**
     * Where EC2 tells an instance that it will be gone; the daemon then stops as at a signal. Default: nobody is asked. On EC2
     * `http://169.254.169.254`.
     */
    readonly metadataUrl?: string
  }
  /** The chain, in order; at least one. */
  readonly plugins: readonly Plugin[]
  /** Told what happens; must not block. */
  readonly onEvent?: (event: DaemonEvent) => void
}

type PolledQueue = {
  readonly url: string
  /** Cron expression of 6 fields, seconds first. Default every 5 s (work) and every 7 s (in-progress). */
  readonly poll: string
  /** How many messages are worked on at once. Default 2 (work) and 1 (in-progress); 1 to 64. */
  readonly concurrency: number
}

/** What `media.config.ts` exports: {@link Config} with everything optional that has a default. */
export type UserConfig = Pick<Config, 'bucket' | 'plugins'> & {
  queues: {
    work: UserQueue
    inProgress: UserQueue
    dead: { url: string }
  }
  onEvent?: Config['onEvent'] | undefined
} & { [Section in OptionalSection]?: Optional<Config[Section]> | undefined }

type OptionalSection = 'source' | 'state' | 'job' | 'workspace' | 'ffmpeg' | 'limits' | 'http' | 'shutdown'
type Optional<T> = { [Key in keyof T]?: T[Key] | undefined }
type UserQueue = Pick<PolledQueue, 'url'> & Optional<Omit<PolledQueue, 'url'>>

/** 5 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
const LARGEST_PUT_BYTES = 5 * 1024 ** 3
const WEEK_SECONDS = 7 * 24 * 3600

/** Every default there is. Unknown options are errors. */
export const schema = z.strictObject({
  bucket: text((value) =>
    /^[a-z0-9][a-z0-9._-]{1,253}[a-z0-9]$/i.test(value)
      ? undefined
      : `must be the plain name of an S3 bucket (no ARN, no URL), not ${show(value)}`,
  ),
  source: section({ prefix: prefix().default('origin_') }),
  state: section({ prefix: prefix().default('.mediad/') }),
  queues: z.strictObject({
    work: z.strictObject({
      url: url('an SQS queue'),
      poll: text(explainCron).default('*/5 * * * * *'),
      concurrency: whole(1, 64).default(2),
    }),
    inProgress: z.strictObject({
      url: url('an SQS queue'),
      poll: text(explainCron).default('*/7 * * * * *'),
      concurrency: whole(1, 64).default(1),
    }),
    dead: z.strictObject({ url: url('an SQS queue') }),
  }),
  job: section({
    attempts: whole(1, 100).default(5),
    leaseSeconds: whole(6, 3600).default(60),
    recheckSeconds: whole(1, 900).default(30),
    backoffSeconds: whole(0, 900).default(5),
  }),
  workspace: section({ directory: text().default(() => tmpdir()) }),
  ffmpeg: section({
    path: text().default('ffmpeg'),
    probePath: text().default('ffprobe'),
    stallSeconds: whole(1, 86_400).default(60),
    command: z.array(text()).readonly().default([]),
  }),
  limits: section(limitsShape),
  http: section({
    host: text().default('127.0.0.1'),
    port: whole(0, 65_535).default(3000),
    urlSeconds: whole(1, WEEK_SECONDS).default(900),
    maxUploadBytes: whole(1, LARGEST_PUT_BYTES).default(LARGEST_PUT_BYTES),
  }),
  shutdown: section({
    graceSeconds: whole(0, 3600).default(30),
    metadataUrl: url('the instance metadata').exactOptional(),
  }),
  plugins: z
    .array(z.custom<Plugin>(isPlugin, { error: ({ input }) => explainPlugin(input) }))
    .min(1, 'must have at least one plugin, e.g. [transcode(), upload()]'),
  onEvent: z
    .custom<(event: DaemonEvent) => void>((value) => typeof value === 'function', 'must be a function')
    .exactOptional(),
})

/** A part of the config that may be left out as a whole. */
function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as never)
}

/** Text that is not empty; `explain` says what else is wrong with it. */
function text(explain: (value: string) => string | undefined = () => undefined) {
  return z.string().superRefine((value, context) => {
    const problem = value.trim() === '' ? 'must not be empty' : explain(value)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  })
}

/** Short enough that the longest key built on it stays below S3's 1,024 bytes. */
function prefix() {
  return text((value) => (value.length > 200 ? 'must have at most 200 characters' : undefined))
}

function url(what: string) {
  return text((value) => {
    const parsed = URL.parse(value)
    if (parsed !== null && /^https?:$/.test(parsed.protocol)) return undefined
    return `must be the http(s) URL of ${what}, not ${show(value)}`
  })
}

function isPlugin(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { name, problems, hooks } = value as Partial<Plugin>
  return typeof name === 'string' && Array.isArray(problems) && typeof hooks?.run === 'function'
}

function explainPlugin(value: unknown): string {
  if (typeof value === 'function')
    return 'must be a plugin, not the function that makes it; call it: [transcode(), upload()]'
  return describeMissing(value) ?? `must be a plugin made by definePlugin, not ${show(value)}`
}
