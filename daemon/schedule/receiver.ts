import type { Clock } from '../vocabulary/clock.ts'
import { toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toEventError, type Emit, type PolledName } from '../vocabulary/events.ts'
import { toBackoffSeconds } from '../protocol/backoff.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Message, Queue } from '../queue/queue.ts'

export type ReceiverDeps = {
  name: PolledName
  queue: Queue
  visibilitySeconds: number
  clock: Clock
  /** Ends the pause after a failure. */
  stop: AbortSignal
  emit: Emit
  log: DaemonLog
}

export type Receiver = {
  /** Sends one request. If it fails, returns no messages, after a pause that grows with every failure. */
  receive(request: { max: number; waitSeconds: number }): Promise<Message[]>
  /** The error of the last request; null if it succeeded. */
  problem(): string | null
}

/** Base of the pause after a failed request. */
const PAUSE_SECONDS = 1
const MAX_PAUSE_SECONDS = 30

/** Creates a receiver for one queue. While the queue does not respond, it pauses between requests. */
export function createReceiver({ name, queue, visibilitySeconds, clock, stop, emit, log }: ReceiverDeps): Receiver {
  let failures = 0
  let problem: string | null = null
  return {
    async receive(request) {
      try {
        const messages = await queue.receive({ ...request, visibilitySeconds })
        if (failures > 0) log.info({ event: 'poll.recovered', queue: name }, `${name} queue responds again`)
        failures = 0
        problem = null
        emit({ type: 'poll:finished', queue: name, messages: messages.length })
        return messages
      } catch (error) {
        failures++
        problem = toMessage(error)
        const pause = Math.min(MAX_PAUSE_SECONDS, toBackoffSeconds(failures, PAUSE_SECONDS))
        log.warn(
          { event: 'poll.failed', error, queue: name, retryInSeconds: pause },
          `${name} queue does not respond; next try in ${pause} s: ${problem}`,
        )
        emit({
          type: 'poll:failed',
          queue: name,
          error: toEventError(toMediadError(error, 'transient.queue')),
          retryInSeconds: pause,
        })
        await clock.wait(pause * 1000, stop)
        return []
      }
    },
    problem: () => problem,
  }
}
