import { tmpdir } from 'node:os'
import { z } from 'zod'
import type { DaemonEvent } from '../vocabulary/events.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import type { Routes } from '../protocol/route.ts'
import { describeMissing } from '../vocabulary/missing.ts'
import { limitsShape, type JobLimits } from './limits.ts'
import { show } from '../vocabulary/validation.ts'
import { MAX_BACKOFF_SECONDS } from '../protocol/backoff.ts'
import { bucket, cron, prefix, section, text, url, integer } from './fields.ts'

/** The checked configuration, complete and frozen. */
export type Config = {
  /** Holds the sources, the results and the job documents. */
  readonly bucket: string
  readonly source: {
    /** Objects whose key starts with this are sources. */
    readonly prefix: string
  }
  readonly state: {
    /** Job documents are stored below this. Must not overlap with the source prefix. */
    readonly prefix: string
  }
  readonly queues: {
    /** Receives the notifications of S3. */
    readonly work: PolledQueue
    /** Holds an in-progress message for each job that is not finished. Without a redrive policy. */
    readonly inProgress: PolledQueue
    /** The dead-letter queue, for people to look at. */
    readonly dead: { readonly url: string }
  }
  readonly job: {
    /** How often one version of a source is tried before its job is dead-lettered. */
    readonly attempts: number
    /** A daemon that has been silent for this long has lost its job to the next one. */
    readonly leaseSeconds: number
    /** Pause before an in-progress message is checked, and between two checks. */
    readonly recheckSeconds: number
    /** Base of the exponential pause after a failed attempt. */
    readonly backoffSeconds: number
  }
  readonly workspace: {
    /** Every attempt gets a temporary folder in here; it needs room for source and results. */
    readonly directory: string
  }
  readonly ffmpeg: {
    /** Path of ffmpeg, or a name that is searched in PATH. */
    readonly path: string
    /** Path of ffprobe, or a name that is searched in PATH. */
    readonly probePath: string
    /** ffmpeg without progress for this long is ended, and the job is tried again. */
    readonly stallSeconds: number
    /**
     * A program and its options that start ffmpeg and ffprobe, such as bubblewrap or firejail; `{workspace}` stands for
     * the folder of the attempt, `{input}` for the file that is read.
     */
    readonly command: readonly string[]
  }
  /** What one job can cost; nothing in a job can raise it. */
  readonly limits: JobLimits
  readonly http: {
    /** Where the endpoint listens: `0.0.0.0` or `::` to be reached from other machines. */
    readonly host: string
    /** Port of the endpoint; 0 takes any free one. */
    readonly port: number
    /** How long an upload URL can be used. */
    readonly urlSeconds: number
    /** The largest size that a client can state for its upload. */
    readonly maxUploadBytes: number
  }
  readonly shutdown: {
    /** How long running jobs can go on after the first signal to stop. */
    readonly graceSeconds: number
    /** Where an EC2 instance reads that it will be interrupted: `http://169.254.169.254` on EC2, left out elsewhere. */
    readonly metadataUrl?: string
  }
  /** The chain, in order; at least one plugin. */
  readonly plugins: readonly Plugin[]
  /** Resolved from `source` and `plugins`; not an option. */
  readonly routes: Routes
  /** Called with every event; must not block. A promise is not awaited. */
  readonly onEvent?: (event: DaemonEvent) => void
}

type PolledQueue = {
  /** URL of the queue, as SQS shows it. */
  readonly url: string
  /** When the queue is polled: a cron expression of 6 fields, seconds first. */
  readonly poll: string
  /** Work queue: jobs at once. In-progress queue: batches of messages at once. */
  readonly concurrency: number
}

/** What `media.config.ts` exports: {@link Config} with everything optional that has a default. */
export type UserConfig = Pick<Config, 'bucket' | 'plugins'> & {
  queues: { [Name in keyof Config['queues']]: UserQueue<Config['queues'][Name]> }
  onEvent?: Config['onEvent'] | undefined
} & { [Section in OptionalSection]?: Optional<Config[Section]> | undefined }

type OptionalSection = 'source' | 'state' | 'job' | 'workspace' | 'ffmpeg' | 'limits' | 'http' | 'shutdown'
type Optional<T> = { [Key in keyof T]?: T[Key] | undefined }
type UserQueue<Queue extends { url: string }> = Pick<Queue, 'url'> & Optional<Omit<Queue, 'url'>>

/** 5 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html */
const LARGEST_PUT_BYTES = 5 * 1024 ** 3
const WEEK_SECONDS = 7 * 24 * 3600

/**
 * The only place of every default, limit and description; `npm run docs` writes the tables of docs/configuration.md from
 * it. Unknown options are errors.
 */
export const schema = z.strictObject({
  bucket: bucket().describe('Holds the sources, the results and the job documents. No ARN, no URL.'),
  source: section({
    prefix: prefix()
      .default('origin_')
      .describe(
        'Objects whose key starts with this are sources, whoever uploaded them; notifications of other objects are ' +
          'deleted. The notification rule of the bucket needs the same prefix. `{name}` in the key of a result is the ' +
          'key of its source without this prefix and without the extension.',
      ),
  }),
  state: section({
    prefix: prefix()
      .default('.mediad/')
      .describe(
        'Job documents are stored under `jobs/` below this prefix. It must not overlap with `source.prefix`. A daemon ' +
          'with another state prefix does not know the earlier jobs, and repeats those it is notified of again.',
      ),
  }),
  queues: z.strictObject({
    work: z.strictObject({
      url: url('an SQS queue').describe('Receives the notifications of S3.'),
      poll: cron()
        .default('*/5 * * * * *')
        .describe(
          'Seconds first. Each tick receives messages for the free slots by a long poll that lasts until the next tick, ' +
            '20 s at most, so a notification is received at once as long as ticks are at most 20 s apart. Rarer ticks ' +
            'mean fewer requests on an idle queue, and a slower stop.',
        ),
      concurrency: integer(1, 64)
        .default(2)
        .describe(
          'Slots: jobs that this daemon processes at once. An encoder uses all processors it gets, so more slots help ' +
            'with short jobs and downloads, not with long encodings.',
        ),
    }),
    inProgress: z.strictObject({
      url: url('an SQS queue').describe(
        'Holds an in-progress message for each job that is not finished. It must have no redrive policy.',
      ),
      poll: cron()
        .default('*/7 * * * * *')
        .describe(
          'Seconds first. How often this daemon sweeps the queue, which adds to the time that a takeover takes.',
        ),
      concurrency: integer(1, 64)
        .default(1)
        .describe('Batches of up to 10 in-progress messages that are checked at once.'),
    }),
    dead: z.strictObject({
      url: url('an SQS queue').describe(
        'The dead-letter queue: receives jobs that failed for good, and messages that are not notifications, for people ' +
          'to look at. Only `mediad dead` reads it.',
      ),
    }),
  }),
  job: section({
    attempts: integer(1, 100)
      .default(5)
      .describe(
        'How often one version of a source is tried before its job is dead-lettered. An attempt that was released does ' +
          'not count, a crash does.',
      ),
    leaseSeconds: integer(6, 3600)
      .default(60)
      .describe(
        'A daemon that has been silent for this long has lost its job to the next one. It sends a heartbeat every ' +
          'quarter of this time. A shorter lease means quicker takeovers, more requests, and less patience with an S3 ' +
          'that does not answer.',
      ),
    recheckSeconds: integer(1, 900)
      .default(30)
      .describe('Pause before an in-progress message is checked for the first time, and between two checks.'),
    backoffSeconds: integer(0, MAX_BACKOFF_SECONDS)
      .default(5)
      .describe(
        'Base of the pause after a failed attempt: a random time between 1 s and this · 2^(attempt − 1), at most ' +
          `${MAX_BACKOFF_SECONDS} s.`,
      ),
  }),
  workspace: section({
    directory: text()
      .default(() => tmpdir())
      .meta({ values: 'path of a folder', defaultText: "the system's: `TMPDIR`, or `/tmp`" })
      .describe(
        'Every attempt gets a temporary folder in here, which is removed with it. Created when missing. An attempt fails ' +
          'with `resource.disk` unless twice the size of its source is free.',
      ),
  }),
  ffmpeg: section({
    path: text()
      .default('ffmpeg')
      .meta({ values: 'program' })
      .describe('Path of ffmpeg, or a name that is searched in `PATH`.'),
    probePath: text()
      .default('ffprobe')
      .meta({ values: 'program' })
      .describe('Path of ffprobe, or a name that is searched in `PATH`.'),
    stallSeconds: integer(1, 86_400)
      .default(60)
      .describe(
        'A run of ffmpeg without progress, output or use of the processor for this long is ended, and the job is tried ' +
          'again. A run that only uses the processor is ended after ten times as long.',
      ),
    command: z
      .array(text())
      .readonly()
      .default([])
      .meta({ values: 'list of words' })
      .describe(
        'A program and its options that start ffmpeg and ffprobe, such as bubblewrap or firejail. In each word, ' +
          '`{workspace}` stands for the folder of the attempt and `{input}` for the file that is read.',
      ),
  }),
  limits: section(limitsShape),
  http: section({
    host: text()
      .default('127.0.0.1')
      .meta({ values: 'address or host name' })
      .describe(
        'Where the endpoint listens. `0.0.0.0` or `::` opens it to other machines. It does not authenticate anybody, so ' +
          'put a server in front that does.',
      ),
    port: integer(0, 65_535)
      .default(3000)
      .describe('Port of the endpoint. 0 takes any free port, which the log names. `--port` overrides it.'),
    urlSeconds: integer(1, WEEK_SECONDS)
      .default(900)
      .describe(
        'How long an upload URL can be used. A URL that was signed with temporary credentials expires with them if that ' +
          'is earlier. The limit is that of S3 for signatures.',
      ),
    maxUploadBytes: integer(1, LARGEST_PUT_BYTES)
      .default(LARGEST_PUT_BYTES)
      .describe(
        'The largest size that a client can state. The limit is that of S3 for one PUT, and the only one for a client ' +
          'that states no size.',
      ),
  }),
  shutdown: section({
    graceSeconds: integer(0, 3600)
      .default(30)
      .describe(
        'How long running jobs can go on after the first signal to stop; then they are released to other daemons. The ' +
          "supervisor of the daemon (systemd's `TimeoutStopSec`, Kubernetes' `terminationGracePeriodSeconds`) must wait " +
          '30 s longer.',
      ),
    metadataUrl: url('the instance metadata')
      .exactOptional()
      .describe(
        'Where an EC2 instance reads that it will be interrupted: `http://169.254.169.254` on EC2, left out elsewhere. ' +
          'The daemon reads it every 5 s (IMDSv2). A spot interruption or a termination by the Auto Scaling group stops ' +
          'the daemon as a first signal does; after a rebalance recommendation it finishes its jobs first. Exit code 0.',
      ),
  }),
  plugins: z
    .array(z.custom<Plugin>(isPlugin, { error: ({ input }) => explainPlugin(input) }))
    .min(1, 'must have at least one plugin, e.g. [transcode(), upload()]')
    .meta({ values: 'list of plugins, at least one' })
    .describe('The chain, in order. Results reach the bucket only through `upload()` or a plugin like it.'),
  onEvent: z
    .custom<(event: DaemonEvent) => void>((value) => typeof value === 'function', 'must be a function')
    .exactOptional()
    .meta({ values: 'function' })
    .describe(
      'Called with every event. It must not block. A promise is not awaited; an error is logged and affects no job.',
    ),
})

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
