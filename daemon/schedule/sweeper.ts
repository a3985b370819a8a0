import { MediadError, toMediadError } from '../vocabulary/errors.ts'
import { toEventError, type Emit } from '../vocabulary/events.ts'
import { deadLetterMessage, deadLetterUnowned, deadLetterUnreadable, type Received } from '../job/dead-letter.ts'
import { toDeadError } from '../protocol/claim.ts'
import { decideSweep, type JobPolicy, type SweepDecision } from '../protocol/decide.ts'
import { type InProgressMessage, parseInProgressMessage } from '../protocol/messages.ts'
import type { Documents } from '../job/documents.ts'
import type { JobError } from '../vocabulary/job.ts'
import { isShared, type FaultReporter } from '../protocol/fault.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { noTracing, type Tracing } from '../vocabulary/tracing/tracing.ts'
import type { Message } from '../queue/queue.ts'
import { type Queues } from '../queue/queues.ts'
import type { Storage } from '../storage/storage.ts'

export type SweeperDeps = {
  queues: Queues
  documents: Documents
  storage: Pick<Storage, 'head'>
  limits: JobPolicy
  emit: Emit
  log: DaemonLog
  /** Default: no spans. */
  tracing?: Tracing
}

/**
 * Handles one due in-progress message: drops it, waits, sends its source to the work queue, or dead-letters the job.
 * Never throws: a message that cannot be handled now becomes visible again when its visibility timeout ends.
 */
export function createSweeper(deps: SweeperDeps): (message: Message, faults: FaultReporter) => Promise<void> {
  const { tracing = noTracing } = deps
  // what it sends belongs to the trace of the job
  return (message, faults) => tracing.resume(message.trace, () => handle(deps, message, faults))
}

async function handle(deps: SweeperDeps, message: Message, faults: FaultReporter): Promise<void> {
  try {
    const content = parseInProgressMessage(message.body)
    if (content === null) await deadLetterInvalid(deps, message)
    else await sweep(deps, message, content)
    faults.reset('message')
  } catch (thrown) {
    const error = toMediadError(thrown, 'transient.queue')
    if (isShared(error)) faults.trip('message', error)
    await leaveOrDeadLetter(deps, message, error)
  }
}

/** Leaves the message to become visible again, or dead-letters it if its document cannot be read. */
async function leaveOrDeadLetter(deps: SweeperDeps, message: Message, error: MediadError): Promise<void> {
  const leave = (error: MediadError) => {
    deps.log.warn(
      { event: 'sweep.failed', error, message: message.id },
      `could not sweep an in-progress message; it becomes visible again: ${error.message}`,
    )
    deps.emit({ type: 'sweep:failed', message: message.id, error: toEventError(error) })
  }
  try {
    const isDead = await deadLetterUnreadable(deps, toReceived(deps, message), error)
    if (!isDead) leave(error)
  } catch (deadError) {
    leave(toMediadError(deadError, 'transient.queue'))
  }
}

async function sweep(deps: SweeperDeps, message: Message, content: InProgressMessage): Promise<void> {
  const { queues, documents, limits } = deps
  const received = toReceived(deps, message)
  const log = deps.log.child({ job: content.id })
  const seen = await documents.read(content.id)
  const decision = decideSweep(content, seen, limits)
  report({ ...deps, log }, decision, content)
  switch (decision.do) {
    case 'drop':
      return queues.inProgress.delete(message)
    case 'wait':
      return queues.inProgress.hide(message, decision.seconds)
    case 'dead-letter':
      if (!seen) return
      return deadLetterUnowned(deps, received, { seen, error: toDeadError(seen.document, limits.attempts) })
    case 'retry':
      if (seen && decision.why === 'unfinished' && (await isGone(deps, content))) {
        return deadLetterUnowned(deps, received, { seen, error: toSourceGone(content) })
      }
      if (decision.why === 'unfinished')
        log.info(
          { event: 'job.requeued', key: content.source.key, claim: content.claim },
          'job requeued: it is unfinished',
        )
      await queues.sendSource(content.source, decision.delaySeconds)
      return queues.inProgress.delete(message)
  }
}

function report({ log, emit }: SweeperDeps, decided: SweepDecision, { id, source, claim }: InProgressMessage): void {
  const { do: decision, why } = { why: undefined, ...decided }
  log.debug({ event: 'sweep.decided', decision, why, claim }, `in-progress message: ${decision}`)
  emit({ type: 'sweep:decided', id, key: source.key, claim, decision })
}

const toReceived = ({ queues }: SweeperDeps, message: Message): Received => ({
  queue: queues.inProgress,
  queueName: 'in-progress',
  message,
})

async function isGone({ storage }: SweeperDeps, { source }: InProgressMessage): Promise<boolean> {
  try {
    return (await storage.head(source.key)) === null
  } catch (error) {
    if (error instanceof MediadError && error.code === 'input.key_unavailable') return false // the next attempt reports it
    throw error
  }
}

function toSourceGone({ source }: InProgressMessage): JobError {
  return {
    code: 'input.source_gone',
    message: `${source.key} no longer exists: it was deleted before it was processed`,
    verdict: 'reject',
  }
}

async function deadLetterInvalid(deps: SweeperDeps, message: Message): Promise<void> {
  const error = new MediadError('message.invalid', 'the body is not an in-progress message of mediad')
  await deadLetterMessage(deps, toReceived(deps, message), error)
}
