import { toMediadError, toMessage, type MediadError } from '../vocabulary/errors.ts'
import { toAttemptFields, toEventError, toJobFields, type Emit } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
import { toBoundedError } from '../protocol/bounds.ts'
import { toBackoffSeconds } from '../protocol/backoff.ts'
import { deadLetterJob } from './dead-letter.ts'
import type { JobPolicy } from '../protocol/decide.ts'
import type { DocumentDraft, JobDocument, JobError } from '../vocabulary/job.ts'
import type { Lease } from './lease.ts'

/** Leaves time to write `released`: a daemon that receives the source earlier waits until the lease is stale. */
const STOP_PAUSE_SECONDS = 1
/** Pause before a job is tried again that was released for another reason than a stopping daemon. */
const RELEASE_PAUSE_SECONDS = 60

export type SettleDeps = {
  queues: Pick<Queues, 'sendSource' | 'sendDead'>
  storage: Pick<Storage, 'head'>
  limits: JobPolicy
  backoffSeconds: number
  emit: Emit
}

/** An attempt that did not succeed. */
export type FailedAttempt = {
  error: MediadError
  plugin?: string
  timings: JobDocument['timings']
  lease: Lease
  log: DaemonLog
}

/**
 * Acts on the verdict of an error while the lease is still held, as the last step of the owner. Never throws: when it
 * cannot write the result, the sweeper handles the job later, by its in-progress message.
 */
export type Settle = (failed: FailedAttempt) => Promise<void>

/** Creates the settlement of attempts that did not succeed. */
export function createSettle(deps: SettleDeps): Settle {
  return async (failed) => {
    const { error, lease, log } = failed
    const { attempt } = lease.document
    try {
      switch (error.verdict) {
        case 'abandon':
          log.warn({ event: 'job.abandoned', error, plugin: failed.plugin }, `job abandoned: ${error.message}`)
          return deps.emit({ type: 'job:abandoned', ...toFields(failed), error: toEventError(error) })
        case 'release':
          return await release(deps, failed)
        case 'reject':
          return await deadLetterOwned(deps, failed)
        case 'retry':
          if (attempt >= deps.limits.attempts) return await deadLetterOwned(deps, failed)
          return await fail(deps, failed, toBackoffSeconds(attempt, deps.backoffSeconds))
      }
    } catch (settleError) {
      log.warn(
        { event: 'job.settle_failed', error: settleError },
        `could not write the result of the attempt; the sweeper handles the job later: ${toMessage(settleError)}`,
      )
      if (!lease.signal.aborted) return
      const lost = toEventError(toMediadError(settleError, 'lease.lost'))
      deps.emit({ type: 'job:abandoned', ...toFields(failed), error: lost })
    }
  }
}

async function fail({ emit }: SettleDeps, failed: FailedAttempt, backoffSeconds: number): Promise<void> {
  const { lease, log, timings, plugin } = failed
  const error = toJobError(failed)
  await lease.end({ state: 'failed', error, backoffSeconds, timings })
  log.warn(
    { event: 'job.failed', error: failed.error, plugin, retryInSeconds: backoffSeconds },
    `attempt failed: ${error.message}`,
  )
  emit({ type: 'job:failed', ...toFields(failed), error, retryInSeconds: backoffSeconds })
}

/** Dead-letters the owned job. When the dead-letter queue is unreachable, writes `failed` for the sweeper to do it. */
async function deadLetterOwned(deps: SettleDeps, failed: FailedAttempt): Promise<void> {
  const { lease, log, timings } = failed
  const error = toJobError(failed)
  lease.assertHeld()
  let isSent = false
  const write = (dead: DocumentDraft) => {
    isSent = true
    return lease.end(dead)
  }
  try {
    await deadLetterJob(deps.queues, { document: { ...lease.document, timings }, error, write })
  } catch (sendError) {
    if (isSent) throw sendError
    log.warn(
      { event: 'job.dead_letter_failed', error: sendError },
      `dead-letter queue is unreachable; the sweeper dead-letters the job later: ${toMessage(sendError)}`,
    )
    return fail(deps, failed, 0)
  }
  log.error(
    { event: 'job.dead_lettered', error: failed.error, plugin: failed.plugin },
    `job dead-lettered: ${error.message}`,
  )
  deps.emit({ type: 'job:dead_lettered', ...toFields(failed), error, byOwner: true })
}

/**
 * Returns the source to the work queue, then writes `released`. A superseded source is replaced with the version that
 * is in the bucket now: its own message may have been deleted as a duplicate before the older one arrived.
 */
async function release({ queues, storage, emit }: SettleDeps, failed: FailedAttempt): Promise<void> {
  const { error, lease, log } = failed
  lease.assertHeld()
  const { source } = lease.document
  if (error.code === 'source.superseded') {
    const now = await storage.head(source.key)
    if (now)
      await queues.sendSource({ bucket: source.bucket, key: source.key, etag: now.etag, sizeBytes: now.sizeBytes }, 1)
  } else await queues.sendSource(source, error.code === 'daemon.stopping' ? STOP_PAUSE_SECONDS : RELEASE_PAUSE_SECONDS)
  await lease.end({ state: 'released', owner: null })
  log.info({ event: 'job.released', error, plugin: failed.plugin }, `job released: ${error.message}`)
  emit({ type: 'job:released', ...toFields(failed), error: toEventError(error) })
}

/** Returns the event fields of the attempt, with timings that may not be in the document. */
function toFields({ lease: { document }, timings }: FailedAttempt) {
  return { ...toJobFields(document), ...toAttemptFields({ ...document, timings }) }
}

function toJobError({ error, plugin }: FailedAttempt): JobError {
  const { code, message, stderr } = error
  const verdict = error.verdict === 'reject' ? 'reject' : 'retry'
  return toBoundedError({ code, message, verdict, ...(plugin !== undefined && { plugin }), stderr })
}
