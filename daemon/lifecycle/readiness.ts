import type { Readiness } from '../http/monitoring/health.ts'
import type { Queues } from '../queue/queues.ts'
import type { Poller } from '../schedule/poller.ts'
import type { Storage } from '../storage/storage.ts'

export type ReadinessDeps = { storage: Storage; queues: Queues; pollers: readonly Poller[]; statePrefix: string }

const TIMEOUT_MS = 3000

/**
 * Checks whether the bucket and the queues respond within 3 s, and whether the pollers work. The result names what failed, but
 * not why: it is public.
 */
export async function checkReadiness({ storage, queues, pollers, statePrefix }: ReadinessDeps): Promise<Readiness> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const requests = {
    bucket: storage.readText(`${statePrefix}ready`, signal), // HEAD does not distinguish a missing bucket
    work: queues.work.depth(signal),
    inProgress: queues.inProgress.depth(signal),
    dead: queues.dead.depth(signal),
  }
  const names = Object.keys(requests)
  const results = await Promise.allSettled(Object.values(requests))
  const checks = Object.fromEntries(
    results.map(({ status }, i) => [names[i], status === 'fulfilled' ? 'ok' : 'unreachable']),
  )
  const polling = pollers.every((poller) => poller.problem() === null)
  return {
    ready: polling && results.every(({ status }) => status === 'fulfilled'),
    checks: { ...checks, polling: polling ? 'ok' : 'failing' },
  }
}
