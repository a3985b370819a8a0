import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toEventError, toJobFields, type Emit, type JobFields } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { toFittingDraft } from '../protocol/bounds.ts'
import type { Documents, Written } from './documents.ts'
import type { DocumentDraft, JobDocument } from '../vocabulary/job.ts'
import { createFence, SILENCE, type Fence } from './fence.ts'

/**
 * The owner's right to a job, kept alive by heartbeats, lost by silence.
 *
 * INVARIANT: whoever holds by his own clock wrote the document, with a request sent less than the lease minus a margin
 * ago; so nobody who judges by S3's clock can find the lease stale while its owner still believes in it.
 */
export type Lease = {
  /** Aborts with `lease.lost` when the job is another's, or may be. */
  readonly signal: AbortSignal
  /** The document as last written. */
  readonly document: JobDocument
  /** @throws MediadError `lease.lost`. To be called before everything that others can see. */
  assertHeld(): void
  /** What the next heartbeat writes. */
  report(progress: JobDocument['progress']): void
  /** What every later write of this claim says besides. */
  note(findings: Findings): void
  /** Writes a heartbeat now. @throws MediadError `lease.lost` */
  confirm(): Promise<void>
  /**
   * The claim's last write; no heartbeat follows it. @throws MediadError `lease.lost` when it came too late. What
   * {@link toFittingDraft} throws comes before: the lease is held on, and another end can be written.
   */
  end(changes: Partial<DocumentDraft>): Promise<void>
  /** Stops the heartbeat without a word. */
  [Symbol.dispose](): void
}

/** What is found out about a source and its attempt on the way. */
export type Findings = Partial<Pick<JobDocument, 'media' | 'warnings'>>

export type LeaseDeps = {
  documents: Documents
  /** The claim: its write, and when it was sent. */
  claimed: Written
  leaseSeconds: number
  emit: Emit
  log: DaemonLog
  clock?: Clock
}

/** Somebody may be watching a progress bar: progress is written this often while it moves. */
const PROGRESS_MS = 2000

/**
 * A lease of L seconds: a heartbeat every L/4, or about L/16 after one that did not get through; the owner stops himself
 * after L minus max(2, L/6) without one.
 */
export function holdLease({ documents, claimed, leaseSeconds, emit, log, clock = systemClock }: LeaseDeps): Lease {
  const beatMs = (leaseSeconds / 4) * 1000
  // Date and Last-Modified are whole seconds: the margin must be more than the one second they can be wrong by
  const holdMs = (leaseSeconds - Math.max(2, leaseSeconds / 6)) * 1000
  const fence = createFence({ id: claimed.document.id, clock, holdMs, sentAt: claimed.sentAt })
  const writer = createWriter({ documents, claimed, fence, patienceMs: Math.max(1000, beatMs) })
  const ended = new AbortController()
  const stop = AbortSignal.any([ended.signal, fence.signal])
  const report = createReport({ job: toJobFields(claimed.document), emit, log })
  fence.signal.addEventListener('abort', () => report.lost(fence.signal.reason), { once: true })
  let progress = claimed.document.progress
  let findings: Findings = {}
  let beating: Promise<unknown> | null = null
  let missed = false

  const write = (changes: Partial<DocumentDraft>) => writer.write({ progress, ...findings, ...changes })
  const warn = (error: unknown) => {
    missed = true
    if (fence.signal.aborted) return
    report.missed(error)
  }
  const confirmed = () => {
    missed = false
    report.written()
  }
  const beat = () =>
    (beating ??= write({})
      .then(confirmed, warn)
      .finally(() => (beating = null)))
  const look = () => void (fence.holds() || fence.fall(SILENCE))
  void every(() => (missed ? soon(beatMs) : beatMs), beat, { clock, stop })
  void every(() => Math.max(50, holdMs - fence.silentForMs()), look, { clock, stop })

  return {
    signal: fence.signal,
    get document() {
      return writer.last().document
    },
    assertHeld: fence.assertHeld,
    report(next) {
      const changed = next.percent !== progress.percent || next.plugin !== progress.plugin
      progress = next
      if (changed && !stop.aborted && fence.silentForMs() >= PROGRESS_MS) void beat()
    },
    note: (more) => void (findings = { ...findings, ...more }),
    confirm: () => write({}),
    async end(changes) {
      writer.check({ progress, ...findings, ...changes }) // first: whoever acts on its error still needs the heartbeat
      ended.abort()
      await untilWritten(() => write(changes), { clock, beatMs, lost: fence.signal, log })
    },
    [Symbol.dispose]: () => ended.abort(),
  }
}

/** Reports to log and listeners what becomes of a lease. */
function createReport({ job, emit, log }: { job: JobFields; emit: Emit; log: DaemonLog }) {
  return {
    written: () => emit({ type: 'heartbeat:written', ...job }),
    missed(error: unknown) {
      const what = 'heartbeat failed, the job continues while the lease holds'
      log.warn({ event: 'heartbeat.missed', error }, `${what}: ${toMessage(error)}`)
      emit({ type: 'heartbeat:missed', ...job, error: describe(error) })
    },
    lost(error: unknown) {
      log.warn({ event: 'lease.lost', error }, `lease lost: ${toMessage(error)}`)
      emit({ type: 'lease:lost', ...job, error: describe(error) })
    },
  }
}

const describe = (error: unknown) => toEventError(toMediadError(error, 'transient.storage'))

type WriterDeps = Pick<LeaseDeps, 'documents' | 'claimed'> & {
  fence: Fence
  /** A black-holed request must not outlive the lease it is to prolong. */
  patienceMs: number
}

/** Writes the document one time after the other: each write is conditional on the one before. */
function createWriter({ documents, claimed, fence, patienceMs }: WriterDeps) {
  let last = claimed
  let writing: Promise<unknown> = Promise.resolve()
  async function writeNow(changes: Partial<DocumentDraft>): Promise<void> {
    fence.assertHeld()
    const { rev: _, nonce: __, ...draft } = { ...last.document, ...changes }
    const patience = AbortSignal.timeout(patienceMs)
    const written = await documents.write(draft, last, AbortSignal.any([patience, fence.signal])).catch((error) => {
      if (!patience.aborted || fence.signal.aborted) throw error
      throw new MediadError('transient.storage', `S3 did not answer within ${patienceMs / 1000} s`, { cause: error })
    })
    if (written === null) throw fence.fall('another daemon claimed it')
    last = written
    fence.confirm(written.sentAt)
  }
  return {
    last: () => last,
    /** @throws MediadError when the document would be too large */
    check: (changes: Partial<DocumentDraft>) => void toFittingDraft({ ...last.document, ...changes }),
    write(changes: Partial<DocumentDraft>): Promise<void> {
      const next = writing.then(() => writeNow(changes))
      writing = next.catch(() => undefined) // whoever asked for the write gets its error
      return next
    },
  }
}

async function every(
  pauseMs: () => number,
  act: () => unknown,
  { clock, stop }: { clock: Clock; stop: AbortSignal },
): Promise<void> {
  while (!stop.aborted) {
    await clock.wait(pauseMs(), stop)
    if (!stop.aborted) await act()
  }
}

/** The pause after a write that did not get through. Not all owners must try again at once. */
const soon = (beatMs: number): number => (beatMs / 4) * (0.5 + Math.random())

type Persistence = { clock: Clock; beatMs: number; lost: AbortSignal; log: DaemonLog }

/** A transient S3 error is ridden out for as long as the lease holds: `write` throws `lease.lost` when it no longer does. */
async function untilWritten(write: () => Promise<void>, { clock, beatMs, lost, log }: Persistence): Promise<void> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (lost.aborted) throw error
      log.warn(
        { event: 'lease.end_failed', error },
        `final write of the job failed, it is repeated while the lease holds: ${toMessage(error)}`,
      )
      await clock.wait(soon(beatMs), lost)
    }
  }
}
