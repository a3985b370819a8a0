import { toMessage, type MediadError } from '../vocabulary/errors.ts'
import type { DaemonEvent } from '../vocabulary/events.ts'
import type { Log } from '../vocabulary/log.ts'
import type { Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'
import { toBoundedError } from '../protocol/bounds.ts'
import { toBackoffSeconds } from '../protocol/backoff.ts'
import { deadLetterJob } from './dead-letter.ts'
import type { Limits } from '../protocol/decide.ts'
import type { DocumentDraft, JobDocument, JobError } from '../vocabulary/job.ts'
import type { Lease } from './lease.ts'

/** Until the document says `released`: whoever receives the source before that waits for the lease to end. */
const STOP_PAUSE_SECONDS = 1
/** What no daemon can do right now need not be tried again at once. */
const RELEASE_PAUSE_SECONDS = 60

export type SettleParts = {
  queues: Pick<Queues, 'sendSource' | 'sendDead'>
  storage: Pick<Storage, 'head'>
  limits: Limits
  backoffSeconds: number
  emit(event: DaemonEvent): void
}

/** What ended an attempt without success. */
export type Ending = { error: MediadError; plugin?: string; timings: JobDocument['timings']; lease: Lease; log: Log }

/**
 * Acts on an error's verdict while the lease is still held: the last thing an owner does for a job. Never throws; what it
 * cannot write now, the in-progress message brings up later.
 */
export type Settle = (ending: Ending) => Promise<void>

export function createSettle(parts: SettleParts): Settle {
  return async (ending) => {
    const { error, lease, log } = ending
    const { id, attempt } = lease.document
    try {
      switch (error.verdict) {
        case 'abandon':
          log.warn({ code: error.code }, `job abandoned: ${error.message}`)
          return parts.emit({ type: 'job:abandoned', id })
        case 'release':
          return await release(parts, ending)
        case 'reject':
          return await deadLetterOwn(parts, ending)
        case 'retry':
          if (attempt >= parts.limits.attempts) return await deadLetterOwn(parts, ending)
          return await fail(parts, ending, toBackoffSeconds(attempt, parts.backoffSeconds))
      }
    } catch (settleError) {
      log.warn(
        { error: settleError },
        `the end of the attempt could not be written down, its record carries the job: ${toMessage(settleError)}`,
      )
      if (lease.signal.aborted) parts.emit({ type: 'job:abandoned', id })
    }
  }
}

async function fail({ emit }: SettleParts, ending: Ending, backoffSeconds: number): Promise<void> {
  const { lease, log, timings } = ending
  const error = toJobError(ending)
  await lease.end({ state: 'failed', error, backoffSeconds, timings })
  const { id, attempt } = lease.document
  log.warn(
    { code: error.code, attempt, retryInSeconds: backoffSeconds, error: ending.error },
    `attempt failed: ${error.message}`,
  )
  emit({ type: 'job:failed', id, error, retryInSeconds: backoffSeconds })
}

/** Falls back to `failed` when the dead-letter queue is out of reach: the sweeper dead-letters the job then. */
async function deadLetterOwn(parts: SettleParts, ending: Ending): Promise<void> {
  const { lease, log, timings } = ending
  const error = toJobError(ending)
  lease.assertHeld()
  let isSent = false
  const write = (dead: DocumentDraft) => {
    isSent = true
    return lease.end(dead)
  }
  try {
    await deadLetterJob(parts.queues, { document: { ...lease.document, timings }, error, write })
  } catch (sendError) {
    if (isSent) throw sendError
    log.warn({ error: sendError }, 'the dead queue is out of reach, the sweeper will bury the job')
    return fail(parts, ending, 0)
  }
  log.error({ code: error.code, attempt: lease.document.attempt, error: ending.error }, `job buried: ${error.message}`)
  parts.emit({ type: 'job:buried', id: lease.document.id, error })
}

/**
 * The source goes back to work first; a superseded one as the version that is there now. That one should have a message of
 * its own, but it may have been taken for a duplicate while the older one was still to come.
 */
async function release({ queues, storage, emit }: SettleParts, { error, lease, log }: Ending): Promise<void> {
  lease.assertHeld()
  const { source } = lease.document
  if (error.code === 'source.superseded') {
    const now = await storage.head(source.key)
    if (now)
      await queues.sendSource({ bucket: source.bucket, key: source.key, etag: now.etag, sizeBytes: now.sizeBytes }, 1)
  } else await queues.sendSource(source, error.code === 'daemon.stopping' ? STOP_PAUSE_SECONDS : RELEASE_PAUSE_SECONDS)
  await lease.end({ state: 'released', owner: null })
  log.info({ code: error.code }, `job released: ${error.message}`)
  emit({ type: 'job:released', id: lease.document.id })
}

function toJobError({ error, plugin }: Ending): JobError {
  const { code, message, stderr } = error
  const verdict = error.verdict === 'reject' ? 'reject' : 'retry'
  return toBoundedError({ code, message, verdict, ...(plugin !== undefined && { plugin }), stderr })
}
