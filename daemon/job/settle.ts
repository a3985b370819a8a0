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

/** Until the document says `released`: whoever receives the source before that waits for the lease to end. */
const STOP_PAUSE_SECONDS = 1
/** What no daemon can do right now need not be tried again at once. */
const RELEASE_PAUSE_SECONDS = 60

export type SettleDeps = {
  queues: Pick<Queues, 'sendSource' | 'sendDead'>
  storage: Pick<Storage, 'head'>
  limits: JobPolicy
  backoffSeconds: number
  emit: Emit
}

/** What ended an attempt without success. */
export type Ending = {
  error: MediadError
  plugin?: string
  timings: JobDocument['timings']
  lease: Lease
  log: DaemonLog
}

/**
 * Acts on an error's verdict while the lease is still held: the last thing an owner does for a job. Never throws; what it
 * cannot write now, the in-progress message brings up later.
 */
export type Settle = (ending: Ending) => Promise<void>

export function createSettle(deps: SettleDeps): Settle {
  return async (ending) => {
    const { error, lease, log } = ending
    const { attempt } = lease.document
    try {
      switch (error.verdict) {
        case 'abandon':
          log.warn({ event: 'job.abandoned', error }, `job abandoned: ${error.message}`)
          return deps.emit({ type: 'job:abandoned', ...toFields(ending), error: toEventError(error) })
        case 'release':
          return await release(deps, ending)
        case 'reject':
          return await deadLetterOwn(deps, ending)
        case 'retry':
          if (attempt >= deps.limits.attempts) return await deadLetterOwn(deps, ending)
          return await fail(deps, ending, toBackoffSeconds(attempt, deps.backoffSeconds))
      }
    } catch (settleError) {
      log.warn(
        { event: 'job.settle_failed', error: settleError },
        `could not write the end of the attempt; the in-progress message carries the job: ${toMessage(settleError)}`,
      )
      if (!lease.signal.aborted) return
      const lost = toEventError(toMediadError(settleError, 'lease.lost'))
      deps.emit({ type: 'job:abandoned', ...toFields(ending), error: lost })
    }
  }
}

async function fail({ emit }: SettleDeps, ending: Ending, backoffSeconds: number): Promise<void> {
  const { lease, log, timings, plugin } = ending
  const error = toJobError(ending)
  await lease.end({ state: 'failed', error, backoffSeconds, timings })
  log.warn(
    { event: 'job.failed', error: ending.error, plugin, retryInSeconds: backoffSeconds },
    `attempt failed: ${error.message}`,
  )
  emit({ type: 'job:failed', ...toFields(ending), error, retryInSeconds: backoffSeconds })
}

/** Falls back to `failed` when the dead-letter queue is out of reach: the sweeper dead-letters the job then. */
async function deadLetterOwn(deps: SettleDeps, ending: Ending): Promise<void> {
  const { lease, log, timings } = ending
  const error = toJobError(ending)
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
      `dead-letter queue is unreachable, the sweeper dead-letters the job later: ${toMessage(sendError)}`,
    )
    return fail(deps, ending, 0)
  }
  log.error(
    { event: 'job.dead_lettered', error: ending.error, plugin: ending.plugin },
    `job dead-lettered: ${error.message}`,
  )
  deps.emit({ type: 'job:dead_lettered', ...toFields(ending), error })
}

/**
 * The source goes back to work first; a superseded one as the version that is there now. That one should have a message of
 * its own, but it may have been taken for a duplicate while the older one was still to come.
 */
async function release({ queues, storage, emit }: SettleDeps, ending: Ending): Promise<void> {
  const { error, lease, log } = ending
  lease.assertHeld()
  const { source } = lease.document
  if (error.code === 'source.superseded') {
    const now = await storage.head(source.key)
    if (now)
      await queues.sendSource({ bucket: source.bucket, key: source.key, etag: now.etag, sizeBytes: now.sizeBytes }, 1)
  } else await queues.sendSource(source, error.code === 'daemon.stopping' ? STOP_PAUSE_SECONDS : RELEASE_PAUSE_SECONDS)
  await lease.end({ state: 'released', owner: null })
  log.info({ event: 'job.released', error }, `job released: ${error.message}`)
  emit({ type: 'job:released', ...toFields(ending), error: toEventError(error) })
}

/** The attempt as it ended, whatever the document could still be told of it. */
function toFields({ lease: { document }, timings }: Ending) {
  return { ...toJobFields(document), ...toAttemptFields({ ...document, timings }) }
}

function toJobError({ error, plugin }: Ending): JobError {
  const { code, message, stderr } = error
  const verdict = error.verdict === 'reject' ? 'reject' : 'retry'
  return toBoundedError({ code, message, verdict, ...(plugin !== undefined && { plugin }), stderr })
}
