import type { Clock } from '../../../vocabulary/clock.ts'
import type { JobDocument, SeenDocument } from '../../../vocabulary/job.ts'
import { toJobEvents } from './events.ts'
import { toMark } from './mark.ts'

/** Reads the document of a job unless it still has the etag `known`; null if there is none. */
export type ReadIfChanged = (
  id: string,
  known: string | null,
  signal: AbortSignal,
) => Promise<SeenDocument | null | 'unchanged'>

/** Whoever follows a job. */
export type Watcher = {
  /** Called after every read that began after the watcher was added, whether or not the document has changed. */
  update(document: JobDocument | null): void
  /** Called when the document could not be read. It is read again later. */
  fail(): void
}

/** Follows job documents in the bucket. */
export type Watches = {
  /** Follows a job until the returned function is called. */
  watch(id: string, watcher: Watcher): () => void
  /** Returns the number of jobs that are followed. */
  count(): number
}

/** Pause between two reads while a job changes. A daemon writes its progress every 2 s at most. */
const SHORTEST_MS = 1_000
const LONGEST_MS = 5_000
const GROWTH = 1.5
const TIMEOUT_MS = 10_000

/**
 * Creates the watches of a daemon. All clients of a job share one: a conditional read per pause, however many they are, which
 * begins with the first client and ends with the last. The state of a job is only in the bucket, so it does not matter which
 * daemon runs it.
 */
export function createWatches({ read, clock }: { read: ReadIfChanged; clock: Clock }): Watches {
  const watches = new Map<string, { watchers: Set<Watcher>; stop: AbortController }>()

  return {
    watch(id, watcher) {
      let watch = watches.get(id)
      if (watch === undefined) {
        watch = { watchers: new Set(), stop: new AbortController() }
        watches.set(id, watch)
        void follow(watch.watchers, { id, read, clock, stop: watch.stop.signal })
      }
      const { watchers, stop } = watch
      watchers.add(watcher)
      return () => {
        if (!watchers.delete(watcher) || watchers.size > 0) return
        watches.delete(id)
        stop.abort()
      }
    },
    count: () => watches.size,
  }
}

type Follow = { id: string; read: ReadIfChanged; clock: Clock; stop: AbortSignal }

async function follow(watchers: ReadonlySet<Watcher>, { id, read, clock, stop }: Follow): Promise<void> {
  let seen: SeenDocument | null = null
  let pauseMs = SHORTEST_MS
  for (;;) {
    await clock.wait(pauseMs, stop)
    if (stop.aborted) return
    // a watcher that is added during the read may already know a later document
    const present = [...watchers]
    try {
      const found = await read(id, seen?.etag ?? null, AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]))
      const next: SeenDocument | null = found === 'unchanged' ? seen : found
      pauseMs = isChanged(seen, next) ? SHORTEST_MS : Math.min(pauseMs * GROWTH, LONGEST_MS)
      seen = next
      for (const watcher of present) watcher.update(next?.document ?? null)
    } catch {
      // the cause is in the storage, whose state /ready shows; the clients are told that reads fail
      pauseMs = Math.min(pauseMs * GROWTH, LONGEST_MS)
      if (!stop.aborted) for (const watcher of present) watcher.fail()
    }
  }
}

/** Returns whether clients have anything to be told. A heartbeat alone changes nothing for them. */
function isChanged(before: SeenDocument | null, after: SeenDocument | null): boolean {
  if (before === after) return false
  return before === null || after === null || toJobEvents(toMark(before.document), after.document).length > 0
}
