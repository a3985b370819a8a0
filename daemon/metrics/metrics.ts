import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { toMessage } from '../vocabulary/errors.ts'
import type { Emitter } from '../vocabulary/emitter.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { contentTypes, toFormat, toOpenMetrics } from './format.ts'
import type { Labels, Meter } from './meter.ts'
import { createRecorder } from './recorder.ts'
import { createRegistry } from './registry.ts'

type Slots = { readonly used: number; readonly free: number; readonly max: number }
type Depth = { readonly visible: number; readonly hidden: number; readonly delayed: number }

/** What is read for a scrape, because no event tells it. */
export type MetricSources = {
  slots(): { readonly work: Slots; readonly inProgress: Slots }
  /** Number of open event streams. */
  streams(): number
  /** Sends a request to each queue; null for one that does not respond. */
  queues(signal: AbortSignal): Promise<Readonly<Record<'work' | 'inProgress' | 'dead', Depth | null>>>
  /** Reads the sizes of all files in the workspaces, and the free space on their disk. */
  workspaces(): Promise<{ readonly bytes: number; readonly freeBytes: number }>
}

export type MetricsDeps = {
  events: Pick<Emitter, 'on'>
  sources: MetricSources
  /** Labels of `mediad_build_info`. */
  build: { readonly version: string; readonly ffmpeg: string }
  /** Names of the plugins of all routes. */
  plugins: readonly string[]
  log: DaemonLog
  clock?: Clock
}

export type Metrics = {
  /** Renders all metrics, in the format that the `accept` header prefers. */
  render(accept: string): Promise<{ readonly contentType: string; readonly body: string }>
  /** Stops listening for events. */
  close(): void
}

/** A request to each queue costs money, so scrapes share the results for this long. */
const QUEUES_MS = 60_000
const QUEUES_TIMEOUT_MS = 3_000
/** Reading many files costs time, and each of several servers can scrape. */
const WORKSPACES_MS = 10_000
/** A read that failed is repeated sooner: alerts resolve while a sample is missing. */
const FAILED_MS = 5_000

/** Creates the metrics of a daemon, made from its events and from what is read for each scrape. */
export function createMetrics({ events, sources, build, plugins, log, clock = systemClock }: MetricsDeps): Metrics {
  const registry = createRegistry({ plugin: [...new Set(plugins)] })
  const { meter } = registry
  meter.set('mediad_build_info', 1, { ...build, node: process.versions.node })
  for (const queue of ['work', 'in-progress']) meter.set('mediad_circuit_open', 0, { queue })
  const stop = events.on(createRecorder(meter))
  const cached = (ms: number, read: () => Promise<boolean>) => createCached({ ms, read, log, clock })
  const readQueues = cached(QUEUES_MS, async () =>
    setQueues(meter, await sources.queues(AbortSignal.timeout(QUEUES_TIMEOUT_MS))),
  )
  const readWorkspaces = cached(WORKSPACES_MS, async () => setWorkspaces(meter, await sources.workspaces()))
  return {
    async render(accept) {
      setSlots(meter, sources.slots())
      meter.set('mediad_http_streams', sources.streams())
      await Promise.all([readQueues(), readWorkspaces()])
      const text = await registry.render()
      const format = toFormat(accept)
      return { contentType: contentTypes[format], body: format === 'text' ? text : toOpenMetrics(text) }
    },
    close() {
      stop()
      registry.close()
    },
  }
}

type CachedDeps = { ms: number; read: () => Promise<boolean>; log: DaemonLog; clock: Clock }

/**
 * Returns a function that reads again once the last result is older than `ms`, or than {@link FAILED_MS} if it was incomplete;
 * concurrent calls share one read. A read that fails is logged and leaves the samples of the one before.
 *
 * @param read returns false if its result is incomplete
 */
function createCached({ ms, read, log, clock }: CachedDeps): () => Promise<void> {
  let nextAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | null = null
  return async () => {
    if (clock.now() < nextAt) return
    reading ??= read()
      .catch((error: unknown) => {
        log.warn({ event: 'metrics.read_failed', error }, `metrics could not be read: ${toMessage(error)}`)
        return false
      })
      .then((isComplete) => {
        nextAt = clock.now() + (isComplete ? ms : Math.min(ms, FAILED_MS))
        reading = null
      })
    await reading
  }
}

function setSlots({ set }: Meter, slots: ReturnType<MetricSources['slots']>): void {
  for (const [queue, { used, free, max }] of [
    ['work', slots.work] as const,
    ['in-progress', slots.inProgress] as const,
  ]) {
    set('mediad_slots_used', used, { queue })
    set('mediad_slots_free', free, { queue })
    set('mediad_slots_max', max, { queue })
  }
}

/** Returns false if a queue did not respond. */
function setQueues({ set }: Meter, depths: Awaited<ReturnType<MetricSources['queues']>>): boolean {
  const queues = [
    ['work', depths.work] as const,
    ['in-progress', depths.inProgress] as const,
    ['dead', depths.dead] as const,
  ]
  for (const [queue, depth] of queues) {
    for (const state of ['visible', 'hidden', 'delayed'] as const) {
      const labels: Labels = { queue, state }
      set('mediad_queue_messages', depth?.[state] ?? null, labels)
    }
  }
  return queues.every(([, depth]) => depth !== null)
}

function setWorkspaces(
  { set }: Meter,
  { bytes, freeBytes }: Awaited<ReturnType<MetricSources['workspaces']>>,
): boolean {
  set('mediad_workspace_bytes', bytes)
  set('mediad_workspace_free_bytes', freeBytes)
  return true
}
