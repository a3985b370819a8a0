import { isFinished, isFresh, type JobPolicy } from '../protocol/decide.ts'
import type { SeenDocument } from '../vocabulary/job.ts'
import type { NotificationScope } from '../protocol/notification.ts'
import { findRoute } from '../protocol/route.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
import type { Outcome, Selection } from './dead.ts'
import type { Jobs } from './jobs.ts'
import { explainShortPrefix } from './names.ts'

/**
 * Sends a new message to the work queue for unfinished jobs that have lost theirs, because the queues were purged or the
 * retention period ended. Given a source's key, it also does so for an upload without a document, whose notification was
 * lost. It writes no document. If there is a message after all, the new one is a duplicate, which the intake handles as
 * always.
 *
 * Without a name it goes through all jobs, and reports those it sent and the documents it could not read.
 */
export type Requeue = (selection: Selection) => AsyncGenerator<Outcome, void>

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
      else if (explainSkip(entry.seen, deps.limits) === null) yield await sendAgain(deps, entry.seen)
    }
  }
}

async function sendAgain({ queues, limits }: RequeueDeps, seen: SeenDocument): Promise<Outcome> {
  const { id, source } = seen.document
  const why = explainSkip(seen, limits)
  if (why !== null) return { id, key: source.key, done: false, detail: why }
  await queues.sendSource(source)
  return { id, key: source.key, done: true, detail: 'sent to the work queue' }
}

/** Explains why a job needs no message; null if it needs one. */
function explainSkip(seen: SeenDocument, limits: JobPolicy): string | null {
  const { document } = seen
  if (isFinished(document)) return `the job is finished: its state is ${document.state}`
  return isFresh(seen, limits) ? `the job is being processed by ${document.owner}` : null
}

async function sendNew({ queues, storage, scope }: RequeueDeps, name: string, signal?: AbortSignal): Promise<Outcome> {
  const object = findRoute(scope.routes, name) ? await storage.head(name, signal) : null
  if (object === null)
    return {
      id: name,
      done: false,
      detail: `no job or source has this name; the keys of sources start with ${scope.routes.map(({ prefix }) => prefix).join(' or ')}${explainShortPrefix(name)}`,
    }
  const { etag, sizeBytes } = object
  await queues.sendSource({ bucket: scope.bucket, key: name, etag, sizeBytes })
  return { id: name, done: true, detail: 'sent to the work queue as a new upload' }
}
