import type { DaemonEvent } from '../../daemon/vocabulary/events.ts'
import type { Clock } from '../../daemon/vocabulary/clock.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Documents, Written } from '../../daemon/job/documents.ts'
import type { JobDocument, SeenDocument, Source } from '../../daemon/vocabulary/job.ts'
import { holdLease } from '../../daemon/job/lease.ts'
import type { Route } from '../../daemon/protocol/route.ts'
import { createQueues, type Queues } from '../../daemon/queue/queues.ts'
import type { Message, Queue } from '../../daemon/queue/queue.ts'
import type { Expected, Storage, StoredObject, WriteOutcome } from '../../daemon/storage/storage.ts'
import type { TraceContext } from '../../daemon/vocabulary/tracing/trace-context.ts'
import { createTestLog, type LoggedLine } from './context.ts'

export const source: Source = { bucket: 'media', key: 'origin_a.mp4', etag: 'e1', sizeBytes: 10, sequencer: '0A' }
export const route: Route = { prefix: 'origin_', plugins: [] }
export const JOB = '0123456789abcdef0123456789abcdef'

/** Returns the document of a job in its first attempt, with `change` applied. */
export function document(change: Partial<JobDocument> = {}): JobDocument {
  return {
    version: 1,
    id: JOB,
    source,
    state: 'processing',
    claim: 1,
    attempt: 1,
    owner: 'host/1',
    rev: 1,
    nonce: 'n1',
    progress: { plugin: null, percent: 0 },
    outputs: [],
    error: null,
    backoffSeconds: 0,
    timings: { startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, plugins: [] },
    history: [],
    ...change,
  }
}

export const transient = (message = 'S3 is unavailable') => new MediadError('transient.storage', message)

/** Waits one turn of the event loop, so that everything that is ready runs. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A clock whose time passes only in `advance`. */
export type FakeClock = Clock & {
  /** Lets `ms` pass and resolves the waits that end in that time, in order. */
  advance(ms: number): Promise<void>
  /** Returns the number of waits that have not ended. */
  pending(): number
}

export function createFakeClock(): FakeClock {
  let now = 1000
  const waits = new Set<{ at: number; wake: () => void }>()
  return {
    now: () => now,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const wake = () => {
          waits.delete(wait)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const wait = { at: now + ms, wake }
        waits.add(wait)
        signal?.addEventListener('abort', wake)
      }),
    async advance(ms) {
      const end = now + ms
      for (;;) {
        await turn()
        const next = [...waits].toSorted((a, b) => a.at - b.at)[0]
        if (next === undefined || next.at > end) break
        now = Math.max(now, next.at)
        next.wake()
      }
      now = end
      await turn()
    },
    pending: () => waits.size,
  }
}

type WriteCall = { key: string; text: string; expected: Expected; signal?: AbortSignal | undefined }
/** Replaces one write; `perform` performs the original write. */
export type WriteScript = (perform: () => WriteOutcome, call: WriteCall) => WriteOutcome | Promise<WriteOutcome>

export type FakeStorage = Storage & {
  readonly objects: Map<string, { text: string; etag: string; metadata: Record<string, string>; at: number }>
  /** All calls in order, as `verb key`. */
  readonly calls: string[]
  /** Replacements of the next writes. */
  readonly writes: WriteScript[]
  /** Errors of the next reads; null for a read that succeeds. */
  readonly readErrors: (Error | null)[]
  put(key: string, text: string, metadata?: Record<string, string>): string
}

/** Creates an S3 in memory with conditional writes, in which no etag ever repeats. */
export function createFakeStorage(clock: Clock = createFakeClock()): FakeStorage {
  let etags = 0
  const objects: FakeStorage['objects'] = new Map()
  const calls: string[] = []
  const writes: WriteScript[] = []
  const readErrors: (Error | null)[] = []
  const put = (key: string, text: string, metadata: Record<string, string> = {}) => {
    const etag = `etag${++etags}`
    objects.set(key, { text, etag, metadata, at: clock.now() })
    return etag
  }
  const find = (key: string) => objects.get(key) ?? null
  return {
    objects,
    calls,
    writes,
    readErrors,
    put,
    async readText(key) {
      calls.push(`read ${key}`)
      const error = readErrors.shift()
      if (error) throw error
      const found = find(key)
      return found && { text: found.text, etag: found.etag, ageSeconds: (clock.now() - found.at) / 1000 }
    },
    async readIfChanged(key, known) {
      calls.push(`read ${key} if changed`)
      const error = readErrors.shift()
      if (error) throw error
      const found = find(key)
      if (found?.etag === known) return 'unchanged'
      return found && { text: found.text, etag: found.etag, ageSeconds: (clock.now() - found.at) / 1000 }
    },
    async writeText(key, text, { expected, signal }) {
      calls.push(`write ${key}`)
      const perform = (): WriteOutcome =>
        (find(key)?.etag ?? null) === expected ? { etag: put(key, text) } : 'refused'
      return (await writes.shift()?.(perform, { key, text, expected, signal })) ?? perform()
    },
    async head(key): Promise<StoredObject | null> {
      calls.push(`head ${key}`)
      const found = find(key)
      return found && { etag: found.etag, sizeBytes: Buffer.byteLength(found.text), metadata: found.metadata }
    },
    async remove(key) {
      calls.push(`remove ${key}`)
      objects.delete(key)
    },
  }
}

/**
 * The document of one owner. Records successful writes. The next of `outcomes` decides a write: null loses, undefined
 * succeeds.
 */
export type FakeDocuments = Documents & {
  readonly written: JobDocument[]
  readonly outcomes: (() => Promise<null | undefined>)[]
  claimed(change?: Partial<JobDocument>): Written
}

export function createFakeDocuments(clock: Clock): FakeDocuments {
  const written: JobDocument[] = []
  const outcomes: FakeDocuments['outcomes'] = []
  let etags = 0
  return {
    written,
    outcomes,
    claimed: (change) => ({ document: document(change), etag: `etag${etags}`, sentAt: clock.now() }),
    read: async () => null,
    readIfChanged: async () => null,
    async write(draft, previous, signal) {
      signal?.throwIfAborted()
      if (previous?.etag !== `etag${etags}`) throw new Error(`a write replaces ${previous?.etag}, not etag${etags}`)
      const sentAt = clock.now()
      const outcome = await outcomes.shift()?.()
      if (outcome === null) return null
      const next = { ...draft, rev: previous.document.rev + 1, nonce: `n${++etags}` }
      written.push(next)
      return { document: next, etag: `etag${etags}`, sentAt }
    },
  }
}

/** Holds the lease of a job that has just been claimed, with a fake clock and fake documents. */
export function holdFakeLease({ leaseSeconds = 60, ...change }: Partial<JobDocument> & { leaseSeconds?: number } = {}) {
  const clock = createFakeClock()
  const documents = createFakeDocuments(clock)
  const logged: LoggedLine[] = []
  const log = createTestLog(logged)
  const claimed = documents.claimed(change)
  const events: DaemonEvent[] = []
  const emit = (event: DaemonEvent) => void events.push(event)
  const lease = holdLease({ documents, claimed, leaseSeconds, emit, log, clock })
  return { clock, documents, lease, log, logged, events, claimed }
}

/** Returns a document as `read` returns it. */
export const seen = (change: Partial<JobDocument> = {}, ageSeconds = 0): SeenDocument => ({
  document: document(change),
  etag: 'etag0',
  ageSeconds,
})

/** Returns the error that a promise rejects with. @throws Error when it resolves */
export async function rejection(promise: Promise<unknown>): Promise<MediadError> {
  try {
    await promise
  } catch (error) {
    return error as MediadError
  }
  throw new Error('the promise did not reject')
}

export const message = (body: string, receiveCount = 1): Message => ({ id: 'm1', body, receipt: 'r1', receiveCount })

export type FakeQueue = Queue & {
  readonly sent: { body: string; delaySeconds: number; trace?: TraceContext }[]
  readonly hidden: { id: string; seconds: number }[]
}

/** The three queues. `calls` has all calls in order, such as `work.send`. Calls in `failures` throw. */
export type FakeQueues = Queues & {
  readonly work: FakeQueue
  readonly inProgress: FakeQueue
  readonly dead: FakeQueue
  readonly calls: string[]
  readonly failures: Set<string>
}

export function createFakeQueues(calls: string[] = []): FakeQueues {
  const failures = new Set<string>()
  const create = (name: string) => createFakeQueue(name, { calls, failures })
  const queues = { work: create('work'), inProgress: create('inProgress'), dead: create('dead') }
  return { ...createQueues(queues), ...queues, calls, failures }
}

function createFakeQueue(name: string, { calls, failures }: { calls: string[]; failures: Set<string> }): FakeQueue {
  const sent: FakeQueue['sent'] = []
  const hidden: FakeQueue['hidden'] = []
  const record = (verb: string) => {
    calls.push(`${name}.${verb}`)
    if (failures.has(`${name}.${verb}`)) throw new MediadError('transient.queue', `${verb} failed`)
  }
  return {
    sent,
    hidden,
    receive: async () => [],
    async send(body, delaySeconds = 0, trace) {
      record('send')
      sent.push({ body, delaySeconds, ...(trace && { trace }) })
    },
    async delete() {
      record('delete')
    },
    async hide({ id }, seconds) {
      record('hide')
      hidden.push({ id, seconds })
    },
    depth: async () => ({ visible: 0, hidden: 0, delayed: 0, hasRedrive: false }),
  }
}
