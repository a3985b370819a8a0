import type { Depth } from '../queue/queue.ts'
import type { Workspaces, WorkspaceUsage } from '../pipeline/workspace.ts'
import type { Queues } from '../queue/queues.ts'
import type { Poller } from '../schedule/poller.ts'
import type { SlotsGauge } from '../schedule/slots.ts'

/** The current state of a daemon, for metrics. */
export type Gauges = {
  /** Slots of the two pollers. */
  slots(): { readonly work: SlotsGauge; readonly inProgress: SlotsGauge }
  /** Number of event streams that clients of the endpoint have open. */
  streams(): number
  /** Reads the number of messages on each queue, with one request to each; null for a queue that does not respond. */
  queues(signal?: AbortSignal): Promise<Readonly<Record<QueueName, Depth | null>>>
  /** Reads the size of all files in the workspaces, and the free space on their disk. */
  workspaces(): Promise<WorkspaceUsage>
}

type QueueName = 'work' | 'inProgress' | 'dead'

export type GaugesDeps = {
  pollers: { work: Pick<Poller, 'gauge'>; sweep: Pick<Poller, 'gauge'> }
  queues: Record<QueueName, Pick<Queues['work'], 'depth'>>
  workspaces: Pick<Workspaces, 'readUsage'>
  streams: { count(): number }
}

export function createGauges({ pollers, queues, workspaces, streams }: GaugesDeps): Gauges {
  return {
    slots: () => ({ work: pollers.work.gauge(), inProgress: pollers.sweep.gauge() }),
    streams: streams.count,
    async queues(signal) {
      const names = ['work', 'inProgress', 'dead'] as const
      const results = await Promise.allSettled(names.map((name) => queues[name].depth(signal)))
      const [work = null, inProgress = null, dead = null] = results.map((result) =>
        result.status === 'fulfilled' ? result.value : null,
      )
      return { work, inProgress, dead }
    },
    workspaces: workspaces.readUsage,
  }
}
