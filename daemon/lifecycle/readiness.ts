import type { Readiness } from '../http/health.ts'
import type { Queues } from '../queue/queues.ts'
import type { Poller } from '../schedule/poller.ts'
import type { Storage } from '../storage/storage.ts'

export type ReadinessDeps = { storage: Storage; queues: Queues; pollers: readonly Poller[]; statePrefix: string }

const PATIENCE_MS = 3000

/** Asks bucket and queues, briefly; what they say goes to the log, callers learn only which one does not answer. */
export async function askReadiness({ storage, queues, pollers, statePrefix }: ReadinessDeps): Promise<Readiness> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const asked = {
    bucket: storage.readText(`${statePrefix}ready`, signal), // a HEAD could not tell a missing bucket
    work: queues.work.depth(signal),
    inProgress: queues.inProgress.depth(signal),
    dead: queues.dead.depth(signal),
  }
  const names = Object.keys(asked)
  const results = await Promise.allSettled(Object.values(asked))
  const checks = Object.fromEntries(
    results.map(({ status }, i) => [names[i], status === 'fulfilled' ? 'ok' : 'unreachable']),
  )
  const polling = pollers.every((poller) => poller.problem() === null)
  return {
    ready: polling && results.every(({ status }) => status === 'fulfilled'),
    checks: { ...checks, polling: polling ? 'ok' : 'failing' },
  }
}
