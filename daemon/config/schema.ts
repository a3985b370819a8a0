import { tmpdir } from 'node:os'
import { z } from 'zod'
import type { DaemonEvent } from '../vocabulary/events.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { describeMissing } from '../vocabulary/validation/missing.ts'
import { http } from './http.ts'
import { limitsShape } from './limits.ts'
import { describeValue } from '../vocabulary/validation/validation.ts'
import { MAX_BACKOFF_SECONDS } from '../protocol/backoff.ts'
import { bucket, cron, prefix, section, share, text, url, integer } from './fields.ts'

/**
 * Defines all options with their defaults, limits and descriptions. `npm run docs` generates the tables of
 * docs/configuration.md from it. Unknown options are errors.
 */
export const schema = z.strictObject({
  bucket: bucket().describe('Name of the bucket for sources, outputs and job documents. Not an ARN, not a URL.'),
  source: section({
    prefix: prefix()
      .default('origin_')
      .describe(
        'Objects whose keys start with this are sources, whoever uploaded them; notifications of other objects are ' +
          'deleted. The notification rule of the bucket needs the same prefix. `{name}` in the key of an output is ' +
          'the key of its source without this prefix and without the extension.',
      ),
  }),
  state: section({
    prefix: prefix()
      .default('.mediad/')
      .describe(
        'Job documents are stored under this prefix, followed by `jobs/`. It must not overlap with `source.prefix`. ' +
          'A daemon with another state prefix does not find earlier jobs, and repeats those it is notified of again.',
      ),
  }),
  queues: z.strictObject({
    work: z.strictObject({
      url: url('an SQS queue').describe('URL of the work queue, to which S3 sends its notifications.'),
      poll: cron()
        .default('*/5 * * * * *')
        .describe(
          'When to poll, seconds first. Each tick receives messages for the free slots with a long poll that lasts ' +
            'until the next tick, 20 s at most. A notification is received at once as long as ticks are at most 20 s ' +
            'apart. Less frequent ticks mean fewer requests on an idle queue, but a slower stop.',
        ),
      concurrency: z
        .union([
          integer(1, 64),
          z.strictObject({
            max: integer(1, 64).describe(
              'The most jobs that an adaptive daemon processes at once. At least 1 always runs.',
            ),
            targetCpu: share(0.1, 1).describe(
              'CPU use of the machine at which an adaptive daemon takes no further job, as a share of the CPUs that are ' +
                'available to it.',
            ),
          }),
        ])
        .default(2)
        .meta({ values: '1 to 64, or `{ max, targetCpu }`' })
        .describe(
          'Slots: number of jobs that this daemon processes at once. An encoder uses all processors, so more slots ' +
            'help with short jobs and downloads, but not with long encodes. `{ max: 8, targetCpu: 0.7 }` makes it ' +
            '[adaptive](operating.md#how-many-jobs-at-once): the number follows the CPU use of the machine.',
        ),
    }),
    inProgress: z.strictObject({
      url: url('an SQS queue').describe(
        'URL of the in-progress queue, which has a message for each unfinished job. It must have no redrive policy.',
      ),
      poll: cron()
        .default('*/7 * * * * *')
        .describe('When to sweep the queue, seconds first. The interval adds to the time until a takeover.'),
      concurrency: integer(1, 64)
        .default(1)
        .describe('Number of batches of up to 10 in-progress messages that are checked at once.'),
    }),
    dead: z.strictObject({
      url: url('an SQS queue').describe(
        'URL of the dead-letter queue, for jobs that failed for good and messages that are not notifications. Only ' +
          '`mediad dead` reads it.',
      ),
    }),
  }),
  job: section({
    attempts: integer(1, 100)
      .default(5)
      .describe(
        'Number of attempts at one version of a source before its job is dead-lettered. An attempt that was released ' +
          'does not count, a crash does.',
      ),
    leaseSeconds: integer(6, 3600)
      .default(60)
      .describe(
        'A daemon that has written no heartbeat for this long has lost its job. It writes one every quarter of this ' +
          'time. A shorter lease means faster takeovers, but more requests and less tolerance for outages of S3.',
      ),
    recheckSeconds: integer(1, 900)
      .default(30)
      .describe('Pause before the first check of an in-progress message, and between checks.'),
    backoffSeconds: integer(0, MAX_BACKOFF_SECONDS)
      .default(5)
      .describe(
        'Base of the backoff after a failed attempt: a random time from 1 s to this · 2^(attempt − 1), at most ' +
          `${MAX_BACKOFF_SECONDS} s; none if it is 0. The next attempt also waits until the in-progress message is checked.`,
      ),
  }),
  workspace: section({
    directory: text()
      .default(() => tmpdir())
      .meta({ values: 'path of a folder', defaultText: "the system's: `TMPDIR`, or `/tmp`" })
      .describe(
        'Folder for the workspaces of attempts; it is created when missing. A workspace is removed when its attempt ' +
          'ends. An attempt needs twice the size of its source in free space: without it, the job waits ' +
          '(`resource.no_room`), or fails on a disk that is too small (`resource.disk`).',
      ),
  }),
  ffmpeg: section({
    path: text().default('ffmpeg').meta({ values: 'program' }).describe('Path of ffmpeg, or a name to find in `PATH`.'),
    probePath: text()
      .default('ffprobe')
      .meta({ values: 'program' })
      .describe('Path of ffprobe, or a name to find in `PATH`.'),
    stallSeconds: integer(1, 86_400)
      .default(60)
      .describe(
        'A run of ffmpeg without progress, output or CPU use for this long is killed, and the job is tried again. A ' +
          'run that only uses the CPU is killed after ten times as long.',
      ),
    command: z
      .array(text())
      .readonly()
      .default([])
      .meta({ values: 'list of words' })
      .describe(
        'Program and options that start ffmpeg and ffprobe, such as bubblewrap or firejail. In each word, ' +
          '`{workspace}` is replaced with the folder of the attempt, and `{input}` with the file that is read.',
      ),
  }),
  limits: section(limitsShape),
  http,
  metrics: section({
    expose: z
      .enum(['off', 'endpoint', 'port'], {
        error: ({ input }) =>
          describeMissing(input) ?? `must be "off", "endpoint" or "port", not ${describeValue(input)}`,
      })
      .default('off')
      .describe(
        'Where Prometheus can read metrics. `off`: nowhere, and nothing is measured. `port`: at `/metrics` of a port of ' +
          'their own, which nobody else needs to reach. `endpoint`: at `/metrics` of the HTTP endpoint, for everyone who ' +
          'can reach it. The environment variable `MEDIAD_METRICS` overrides it.',
      ),
    host: text()
      .default('127.0.0.1')
      .meta({ values: 'address or host name' })
      .describe(
        'Address on which the port listens. `0.0.0.0` or `::` makes it reachable from other machines: allow only your ' +
          'Prometheus there, because metrics tell everyone how busy you are. The environment variable ' +
          '`MEDIAD_METRICS_HOST` overrides it.',
      ),
    port: integer(0, 65_535)
      .default(9464)
      .describe(
        'Port for metrics. 0 selects a free port, which is logged. The environment variable `MEDIAD_METRICS_PORT` ' +
          'overrides it.',
      ),
  }),
  shutdown: section({
    graceSeconds: integer(0, 3600)
      .default(30)
      .describe(
        'Time that running jobs have to finish after the first signal to stop; then they are released to other ' +
          "daemons. The supervisor of the daemon (systemd's `TimeoutStopSec`, Kubernetes' " +
          '`terminationGracePeriodSeconds`) must wait 30 s longer.',
      ),
    metadataUrl: url('the instance metadata')
      .exactOptional()
      .describe(
        'URL of the instance metadata, which announces interruptions: `http://169.254.169.254` on EC2, left out ' +
          'elsewhere. The daemon reads it every 5 s (IMDSv2). A spot interruption or a termination by the Auto ' +
          'Scaling group stops the daemon like a first signal; after a rebalance recommendation it finishes its jobs ' +
          'first. The exit code is 0.',
      ),
  }),
  plugins: z
    .array(z.custom<Plugin>(isPlugin, { error: ({ input }) => explainPlugin(input) }))
    .min(1, 'must have at least one plugin, e.g. [transcode(), upload()]')
    .meta({ values: 'list of plugins, at least one' })
    .describe(
      'The chain, in order. Outputs reach the bucket only through `upload()` or a similar plugin; a chain with files that ' +
        'none of them uploads is rejected.',
    ),
  onEvent: z
    .custom<(event: DaemonEvent) => void>((value) => typeof value === 'function', 'must be a function')
    .exactOptional()
    .meta({ values: 'function' })
    .describe(
      'Receives every event. It must not block. A promise is not awaited; an error is logged and affects no job.',
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
  return describeMissing(value) ?? `must be a plugin made by definePlugin, not ${describeValue(value)}`
}
