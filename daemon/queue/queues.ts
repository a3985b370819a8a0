import type { DeadMessage, InProgressMessage } from '../protocol/messages.ts'
import type { WorkSource } from '../vocabulary/job.ts'
import type { TraceContext } from '../vocabulary/tracing/trace-context.ts'
import { withoutStderr } from '../protocol/bounds.ts'
import { toNotificationBody } from '../protocol/notification.ts'
import type { Queue } from './queue.ts'

/** The three queues and the messages on them. */
export type Queues = {
  readonly work: Queue
  readonly inProgress: Queue
  readonly dead: Queue
  /** Sends a source to the work queue, or returns it there. `trace` replaces the current place in a trace. */
  sendSource(source: WorkSource, delaySeconds?: number, trace?: TraceContext): Promise<void>
  /** Sends the in-progress message of a claim; a sweeper checks the claim after the delay. */
  sendInProgressMessage(message: InProgressMessage, delaySeconds: number): Promise<void>
  /** Sends a message to the dead-letter queue. */
  sendDead(dead: DeadMessage): Promise<void>
}

/** Keeps a message well below the 256 KiB of SQS, whatever its characters. */
const MAX_BODY_CHARACTERS = 32 * 1024

/** Adds the sending of mediad's messages to the three queues. */
export function createQueues({ work, inProgress, dead }: Pick<Queues, 'work' | 'inProgress' | 'dead'>): Queues {
  return {
    work,
    inProgress,
    dead,
    sendSource: (source, delaySeconds, trace) => work.send(toNotificationBody(source), delaySeconds, trace),
    sendInProgressMessage: (message, delaySeconds) =>
      inProgress.send(toAscii({ version: 1, ...message }), delaySeconds),
    sendDead: (message) => dead.send(toAscii({ version: 1, ...toSendable(message) })),
  }
}

/** Leaves out the output of programs in earlier attempts, which is too large for a message. The job document has it. */
function toSendable({ body, job, ...rest }: DeadMessage): DeadMessage {
  return {
    ...rest,
    ...(body !== undefined && { body: body.slice(0, MAX_BODY_CHARACTERS) }),
    ...(job && { job: { ...job, history: job.history.map(withoutStderr) } }),
  }
}

/**
 * Returns JSON that consists of ASCII characters. A key can contain any character, but queues differ in which they
 * accept: SQS rejects lone surrogates and some control characters, others reject characters above U+FFFD.
 */
function toAscii(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
