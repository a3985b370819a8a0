import { isFinished, isFresh, type JobPolicy } from '../protocol/decide.ts'
import type { SeenDocument } from '../vocabulary/job.ts'
import type { NotificationScope } from '../protocol/notification.ts'
import { findRoute } from '../protocol/route.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
import type { Outcome, Wanted } from './dead.ts'
import type { Jobs } from './jobs.ts'

/**
 * Sends sources to work again, of jobs whose last message is gone: the queues were purged, or forgot them after their
 * retention. By its source's key also an upload that has no document, because S3's notification never came. It writes no
 * document, and is a duplicate of whatever message there is after all: whoever takes it decides as always.
 *
 * Without a name it goes through all jobs, and tells of those it sent; a document that cannot be read is told, too.
 */
export type Requeue = (wanted: Wanted) => AsyncGenerator<Outcome, void>

export type RequeueDeps = {
  jobs: Jobs
  queues: Pick<Queues, 'sendSource'>
  storage: Pick<Storage, 'head'>
  scope: NotificationScope
  limits: JobPolicy
}

export function createRequeue(deps: RequeueDeps): Requeue {
  const { jobs } = deps
  return async function* requeue({ name, signal }) {
    if (name !== undefined) {
      const seen = await jobs.find(name, signal)
      yield seen ? await sendAgain(deps, seen) : await sendNew(deps, name, signal)
      return
    }
    for await (const entry of jobs.list({ limit: Number.POSITIVE_INFINITY, ...(signal && { signal }) })) {
      if ('problem' in entry) yield { id: entry.id, done: false, detail: entry.problem.message }
      else if (explainRest(entry.seen, deps.limits) === null) yield await sendAgain(deps, entry.seen)
    }
  }
}

async function sendAgain({ queues, limits }: RequeueDeps, seen: SeenDocument): Promise<Outcome> {
  const { id, source } = seen.document
  const why = explainRest(seen, limits)
  if (why !== null) return { id, key: source.key, done: false, detail: why }
  await queues.sendSource(source)
  return { id, key: source.key, done: true, detail: 'sent to work' }
}

/** Why a job needs no message; null when it does. */
function explainRest(seen: SeenDocument, limits: JobPolicy): string | null {
  const { document } = seen
  if (isFinished(document)) return `it is over: its document says ${document.state}`
  return isFresh(seen, limits) ? `${document.owner} is working on it` : null
}

async function sendNew({ queues, storage, scope }: RequeueDeps, name: string, signal?: AbortSignal): Promise<Outcome> {
  const there = findRoute(scope.routes, name) ? await storage.head(name, signal) : null
  if (there === null)
    return {
      id: name,
      done: false,
      detail: `there is no job and no source of this name; sources begin with ${scope.routes.map(({ prefix }) => prefix).join(' or ')}`,
    }
  const { etag, sizeBytes } = there
  await queues.sendSource({ bucket: scope.bucket, key: name, etag, sizeBytes })
  return { id: name, done: true, detail: 'sent to work, as a new upload' }
}
