import { toMediadError } from '../vocabulary/errors.ts'
import { toEventError } from '../vocabulary/events.ts'
import { bury, type BuryParts } from '../job/dead-letter.ts'
import { toBuryError } from '../protocol/claim.ts'
import { decideSweep, type Limits, type SweepDecision } from '../protocol/decide.ts'
import { type JobRecord, parseRecord } from '../protocol/messages.ts'
import type { Documents } from '../job/documents.ts'
import type { JobError, SeenDocument } from '../vocabulary/job.ts'
import { isShared, type Trouble } from '../protocol/fault.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Message } from '../queue/queue.ts'
import { type Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'

export type SweeperParts = {
  queues: Queues
  documents: Documents
  storage: Pick<Storage, 'head'>
  limits: Limits
  emit: BuryParts['emit']
  log: DaemonLog
}

/** Pause before a record is looked at again whose document changed under our hands. */
const RACE_SECONDS = 1

/**
 * Looks at one due record: drop it, wait, send its source back to work, or bury the job. Never throws: a record that
 * cannot be settled now comes back when its visibility timeout ends.
 */
export function createSweeper(parts: SweeperParts): (message: Message, trouble: Trouble) => Promise<void> {
  return async (message, trouble) => {
    try {
      const record = parseRecord(message.body)
      if (record === null) await refuse(parts, message)
      else await sweep(parts, message, record)
      trouble.loosen('message')
    } catch (thrown) {
      const error = toMediadError(thrown, 'transient.queue')
      if (isShared(error)) trouble.pull('message', error)
      parts.log.warn(
        { event: 'sweep.failed', error, message: message.id },
        `could not sweep an in-progress message, it becomes visible again: ${error.message}`,
      )
      parts.emit({ type: 'sweep:failed', message: message.id, error: toEventError(error) })
    }
  }
}

async function sweep(parts: SweeperParts, message: Message, record: JobRecord): Promise<void> {
  const { queues, documents, limits } = parts
  const log = parts.log.child({ job: record.id })
  const seen = await documents.read(record.id)
  const decision = decideSweep(record, seen, limits)
  logDecision(log, decision, record)
  parts.emit({ type: 'sweep:decided', ...toDecided(decision, record) })
  switch (decision.do) {
    case 'drop':
      return queues.inProgress.delete(message)
    case 'wait':
      return queues.inProgress.hide(message, decision.seconds)
    case 'bury':
      return seen ? buryRecord(parts, message, { seen, error: toBuryError(seen.document, limits.attempts) }) : undefined
    case 'retry':
      if (seen && decision.why === 'unfinished' && (await isGone(parts, record))) {
        return buryRecord(parts, message, { seen, error: sourceGone(record) })
      }
      if (decision.why === 'unfinished')
        log.info(
          { event: 'job.requeued', key: record.source.key, claim: record.claim },
          'job requeued: it is unfinished',
        )
      await queues.sendSource(record.source, decision.delaySeconds)
      return queues.inProgress.delete(message)
  }
}

function logDecision(log: DaemonLog, decision: SweepDecision, { claim }: JobRecord): void {
  const why = 'why' in decision ? decision.why : undefined
  log.debug({ event: 'sweep.decided', decision: decision.do, why, claim }, `in-progress message: ${decision.do}`)
}

function toDecided({ do: what }: SweepDecision, { id, source, claim }: JobRecord) {
  const decision = what === 'bury' ? ('dead-letter' as const) : what
  return { id, key: source.key, claim, decision }
}

type Burial = { seen: SeenDocument; error: JobError }

async function buryRecord(parts: SweeperParts, message: Message, { seen, error }: Burial): Promise<void> {
  const buried = await bury(parts, seen, error)
  if (!buried) return parts.queues.inProgress.hide(message, RACE_SECONDS)
  return parts.queues.inProgress.delete(message)
}

async function isGone({ storage }: SweeperParts, { source }: JobRecord): Promise<boolean> {
  return (await storage.head(source.key)) === null
}

function sourceGone({ source }: JobRecord): JobError {
  return {
    code: 'input.source_gone',
    message: `${source.key} is gone: it was deleted before it was processed`,
    verdict: 'reject',
  }
}

async function refuse({ queues, emit, log }: SweeperParts, message: Message): Promise<void> {
  const error = { code: 'message.invalid', message: 'the body is no record of mediad', verdict: 'reject' } as const
  log.error(
    { event: 'message.dead_lettered', error, message: message.id, queue: 'in-progress' },
    `message of the in-progress queue dead-lettered: ${error.message}`,
  )
  await queues.sendDead({ reason: error.code, error, at: new Date().toISOString(), body: message.body })
  await queues.inProgress.delete(message)
  emit({ type: 'message:dead_lettered', queue: 'in-progress', message: message.id, error })
}
