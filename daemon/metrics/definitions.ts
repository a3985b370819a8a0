/**
 * Defines all metrics of the daemon. Names, units and suffixes follow Prometheus's conventions. `npm run docs` generates the
 * table of docs/monitoring.md from it.
 */

export type Definition = {
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** What one sample means, as a sentence. */
  readonly help: string
  /** The values of each label. A text describes values that are not listed here; they never depend on a job. */
  readonly labels?: Readonly<Record<string, readonly string[] | string>>
  /** Upper bounds of a histogram, in the unit of the metric. */
  readonly buckets?: readonly number[]
}

/** From a copied clip to a video of several hours. */
const DURATIONS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400]

const polled = ['work', 'in-progress'] as const
const plugin = 'plugins of the chain'
const code = '[error code](errors.md); `other` for codes of plugins'

export const definitions = {
  mediad_build_info: {
    kind: 'gauge',
    help: 'Always 1. Its labels are the versions of mediad, Node and ffmpeg.',
    labels: { version: 'version of mediad', node: 'version of Node', ffmpeg: 'version of ffmpeg' },
  },
  mediad_jobs_total: {
    kind: 'counter',
    help: 'Jobs that this daemon put into this state. `processing` counts claims whose attempt started; `dead` includes jobs that died with another daemon.',
    labels: { state: ['processing', 'succeeded', 'failed', 'released', 'dead'] },
  },
  mediad_attempts_total: {
    kind: 'counter',
    help: 'Attempts of this daemon that ended, by how they ended.',
    labels: { result: ['succeeded', 'failed', 'dead', 'released', 'abandoned'] },
  },
  mediad_verdicts_total: {
    kind: 'counter',
    help: 'Errors that ended an attempt of this daemon, by verdict and code.',
    labels: { verdict: ['retry', 'reject', 'release', 'abandon'], code },
  },
  mediad_attempt_duration_seconds: {
    kind: 'histogram',
    help: 'Wall time of attempts of this daemon, from the claim to the end.',
    labels: { result: ['succeeded', 'failed', 'dead', 'released', 'abandoned'] },
    buckets: DURATIONS,
  },
  mediad_plugin_duration_seconds: {
    kind: 'histogram',
    help: 'Wall time of one run of a plugin.',
    labels: { plugin },
    buckets: DURATIONS,
  },
  mediad_plugin_cpu_seconds: {
    kind: 'histogram',
    help: 'CPU time of ffmpeg in one run of a plugin.',
    labels: { plugin },
    buckets: [...DURATIONS, 57_600],
  },
  mediad_warnings_total: {
    kind: 'counter',
    help: 'Warnings that a plugin added to a job document.',
    labels: { plugin },
  },
  mediad_media_seconds_total: {
    kind: 'counter',
    help: 'Duration of the sources of succeeded jobs. A source of unknown duration, such as an image, adds nothing.',
  },
  mediad_source_bytes_total: { kind: 'counter', help: 'Size of the sources of succeeded jobs.' },
  mediad_output_bytes_total: { kind: 'counter', help: 'Size of the outputs of succeeded jobs.' },
  mediad_slots_used: {
    kind: 'gauge',
    help: 'Slots that handle messages now. On the `work` queue, each handles one job.',
    labels: { queue: polled },
  },
  mediad_slots_free: { kind: 'gauge', help: 'Slots that wait for messages now.', labels: { queue: polled } },
  mediad_slots_max: {
    kind: 'gauge',
    help: 'Slots by the config. With adaptive concurrency, fewer can be used and free now.',
    labels: { queue: polled },
  },
  mediad_queue_receives_total: {
    kind: 'counter',
    help: 'Receive requests, by whether they returned messages, nothing or an error.',
    labels: { queue: polled, result: ['messages', 'empty', 'error'] },
  },
  mediad_queue_received_messages_total: {
    kind: 'counter',
    help: 'Messages that receive requests returned.',
    labels: { queue: polled },
  },
  mediad_queue_messages: {
    kind: 'gauge',
    help: 'Approximate number of messages on the queue, at most a minute old. All daemons report the same queue: use `max`, not `sum`. A queue that does not respond has no sample.',
    labels: { queue: ['work', 'in-progress', 'dead'], state: ['visible', 'hidden', 'delayed'] },
  },
  mediad_dead_lettered_messages_total: {
    kind: 'counter',
    help: 'Messages that are not valid and were moved to the dead-letter queue.',
    labels: { queue: polled },
  },
  mediad_heartbeats_total: {
    kind: 'counter',
    help: 'Heartbeats of running jobs. After a missed one, the job continues while its lease holds.',
    labels: { result: ['written', 'missed'] },
  },
  mediad_leases_lost_total: { kind: 'counter', help: 'Leases that this daemon lost.' },
  mediad_takeovers_total: { kind: 'counter', help: 'Jobs with a stale lease that this daemon claimed.' },
  mediad_sweeps_total: {
    kind: 'counter',
    help: 'In-progress messages that this daemon checked, by decision. `failed`: the check failed, and is repeated.',
    labels: { decision: ['drop', 'wait', 'retry', 'dead-letter', 'failed'] },
  },
  mediad_circuit_open: {
    kind: 'gauge',
    help: '1 while the circuit breaker of the queue is tripped, otherwise 0.',
    labels: { queue: polled },
  },
  mediad_circuit_trips_total: {
    kind: 'counter',
    help: 'Faults that tripped the circuit breaker, while a message was handled or in a job.',
    labels: { queue: polled, by: ['message', 'job'] },
  },
  mediad_http_streams: { kind: 'gauge', help: 'Event streams that clients of the HTTP endpoint have open now.' },
  mediad_workspace_bytes: {
    kind: 'gauge',
    help: 'Size of the files in the folder of the workspaces, with a few hundred bytes of its own.',
  },
  mediad_workspace_free_bytes: { kind: 'gauge', help: 'Free space on the disk of the workspaces.' },
} as const satisfies Record<string, Definition>

export type MetricName = keyof typeof definitions

/** Default metrics of prom-client that the documentation, the dashboard and the alerts use. */
export const processMetrics = {
  process_cpu_seconds_total: 'CPU time of the daemon itself, without ffmpeg.',
  process_resident_memory_bytes: 'Memory of the daemon itself.',
  process_open_fds: 'Open file descriptors.',
  process_start_time_seconds: 'Unix time of the start.',
  nodejs_eventloop_lag_p99_seconds:
    'Delay of the event loop since the last scrape, 99th percentile. It includes the resolution of the measurement, 0.05.',
  nodejs_heap_size_used_bytes: 'Used part of the JavaScript heap.',
  nodejs_gc_duration_seconds: 'Garbage collection, by `kind`.',
} as const
