import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { MediadError, toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toEventError, toJobFields, type Emit, type JobFields } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { toFittingDraft } from '../protocol/bounds.ts'
import type { Documents, Written } from './documents.ts'
import type { DocumentDraft, JobDocument } from '../vocabulary/job.ts'
import { createFence, NO_HEARTBEAT, type Fence } from './fence.ts'

/**
 * The owner's right to a job. Heartbeats renew it; without them it is lost.
 *
 * INVARIANT: an owner that holds the lease by its own clock has written the document, with a request that it sent less
 * than the lease minus a margin ago. So no daemon can find the lease stale by S3's clock while the owner holds it.
 */
export type Lease = {
  /** Aborts with `lease.lost` when another daemon owns the job, or could own it. */
  readonly signal: AbortSignal
  /** The document as last written. */
  readonly document: JobDocument
  /**
   * Checks the lease. Call it before every action that is visible to others.
   *
   * @throws MediadError `lease.lost`
   */
  assertHeld(): void
  /** Sets the progress. Writes a heartbeat when it has changed and the last one is at least 2 s old. */
  report(progress: JobDocument['progress']): void
  /** Adds findings to all later writes of this claim. */
  addFindings(findings: Findings): void
  /**
   * Writes a heartbeat now.
   *
   * @throws MediadError `lease.lost`, `transient.storage`
   */
  confirm(): Promise<void>
  /**
   * Writes the document for the last time in this claim; no heartbeat follows. Repeats the write while the lease holds.
   *
   * @throws MediadError `lease.lost`. The errors of {@link toFittingDraft} are thrown before anything is written: the
   * lease is still held, and `end` can be called again with other changes.
   */
  end(changes: Partial<DocumentDraft>): Promise<void>
  /** Stops the heartbeats. Writes nothing. */
  [Symbol.dispose](): void
}

/** Facts about the source and the attempt that become known while the job runs. */
export type Findings = Partial<Pick<JobDocument, 'identity' | 'media' | 'warnings'>>

export type LeaseDeps = {
  documents: Documents
  /** The write that claimed the job. */
  claimed: Written
  leaseSeconds: number
  emit: Emit
  log: DaemonLog
  clock?: Clock
}

/** Shortest time between two writes of progress, for clients that show a progress bar. */
const PROGRESS_MS = 2000

/**
 * Holds the lease of a claimed job. For a lease of L seconds, it writes a heartbeat every L/4, and about L/16 after a
 * heartbeat that failed. The owner gives up the lease when the last successful write was sent L − max(2, L/6) ago.
 */
export function holdLease({ documents, claimed, leaseSeconds, emit, log, clock = systemClock }: LeaseDeps): Lease {
  const beatMs = (leaseSeconds / 4) * 1000
  // Date and Last-Modified have a resolution of one second, so the margin must be larger than that
  const holdMs = (leaseSeconds - Math.max(2, leaseSeconds / 6)) * 1000
  const fence = createFence({ id: claimed.document.id, clock, holdMs, sentAt: claimed.sentAt })
  const writer = createWriter({ documents, claimed, fence, timeoutMs: Math.max(1000, beatMs) })
  const ended = new AbortController()
  const stop = AbortSignal.any([ended.signal, fence.signal])
  const report = createReport({ job: toJobFields(claimed.document), emit, log })
  fence.signal.addEventListener('abort', () => report.lost(fence.signal.reason, progress.plugin), { once: true })
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
  const check = () => void (fence.isHeld() || fence.markLost(NO_HEARTBEAT))
  void every(() => (missed ? toRetryMs(beatMs) : beatMs), beat, { clock, stop })
  void every(() => Math.max(50, holdMs - fence.sinceConfirmedMs()), check, { clock, stop })

  return {
    signal: fence.signal,
    get document() {
      return writer.last().document
    },
    assertHeld: fence.assertHeld,
    report(next) {
      const changed = (['plugin', 'percent', 'pluginPercent'] as const).some((name) => next[name] !== progress[name])
      progress = next
      if (changed && !stop.aborted && fence.sinceConfirmedMs() >= PROGRESS_MS) void beat()
    },
    addFindings: (more) => void (findings = { ...findings, ...more }),
    confirm: () => write({}),
    async end(changes) {
      const final = { progress, ...changes, ...findings } // the changes can contain older findings
      writer.check(final) // while heartbeats continue: the caller handles its error
      ended.abort()
      await untilWritten(() => writer.write(final), { clock, beatMs, lost: fence.signal, log })
    },
    [Symbol.dispose]: () => ended.abort(),
  }
}

/** Reports heartbeats and the loss of a lease to the log and to listeners. */
function createReport({ job, emit, log }: { job: JobFields; emit: Emit; log: DaemonLog }) {
  return {
    written: () => emit({ type: 'heartbeat:written', ...job }),
    missed(error: unknown) {
      const message = 'heartbeat failed; the job continues while the lease holds'
      log.warn({ event: 'heartbeat.missed', error }, `${message}: ${toMessage(error)}`)
      emit({ type: 'heartbeat:missed', ...job, error: describe(error) })
    },
    lost(error: unknown, plugin: string | null) {
      log.warn({ event: 'lease.lost', error, ...(plugin !== null && { plugin }) }, `lease lost: ${toMessage(error)}`)
      emit({ type: 'lease:lost', ...job, error: describe(error) })
    },
  }
}

const describe = (error: unknown) => toEventError(toMediadError(error, 'transient.storage'))

type WriterDeps = Pick<LeaseDeps, 'documents' | 'claimed'> & {
  fence: Fence
  /** Time after which a write is aborted: a request without a response must not outlive the lease that it renews. */
  timeoutMs: number
}

/** Writes the document sequentially: the condition of each write is the etag of the write before. */
function createWriter({ documents, claimed, fence, timeoutMs }: WriterDeps) {
  let last = claimed
  let writing: Promise<unknown> = Promise.resolve()
  async function writeNow(changes: Partial<DocumentDraft>): Promise<void> {
    fence.assertHeld()
    const { rev: _, nonce: __, ...draft } = { ...last.document, ...changes }
    const timeout = AbortSignal.timeout(timeoutMs)
    const written = await documents.write(draft, last, AbortSignal.any([timeout, fence.signal])).catch((error) => {
      if (!timeout.aborted || fence.signal.aborted) throw error
      throw new MediadError('transient.storage', `S3 did not respond within ${timeoutMs / 1000} s`, { cause: error })
    })
    if (written === null) throw fence.markLost('another daemon claimed the job')
    last = written
    fence.confirm(written.sentAt)
  }
  return {
    last: () => last,
    /** @throws MediadError when the document would be too large */
    check: (changes: Partial<DocumentDraft>) => void toFittingDraft({ ...last.document, ...changes }),
    write(changes: Partial<DocumentDraft>): Promise<void> {
      const next = writing.then(() => writeNow(changes))
      writing = next.catch(() => undefined) // the caller handles the error
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

/** Returns the pause after a failed write. Jitter spreads the writes of many owners after an outage. */
const toRetryMs = (beatMs: number): number => (beatMs / 4) * (0.5 + Math.random())

type RetryDeps = { clock: Clock; beatMs: number; lost: AbortSignal; log: DaemonLog }

/** Repeats a write until it succeeds, or until the lease is lost, when `write` throws `lease.lost`. */
async function untilWritten(write: () => Promise<void>, { clock, beatMs, lost, log }: RetryDeps): Promise<void> {
  for (;;) {
    try {
      return await write()
    } catch (error) {
      if (lost.aborted) throw error
      log.warn(
        { event: 'lease.end_failed', error },
        `final write of the job failed; it is repeated while the lease holds: ${toMessage(error)}`,
      )
      await clock.wait(toRetryMs(beatMs), lost)
    }
  }
}
