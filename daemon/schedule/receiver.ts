import type { Clock } from '../vocabulary/clock.ts'
import { toMessage } from '../vocabulary/errors.ts'
import { toBackoffSeconds } from '../protocol/backoff.ts'
import type { Log } from '../vocabulary/log.ts'
import type { Message, Queue } from '../queue/queue.ts'

export type ReceiverParts = {
  name: string
  queue: Queue
  visibilitySeconds: number
  clock: Clock
  /** Ends the pause after a failure. */
  stop: AbortSignal
  log: Log
}

export type Receiver = {
  /** One request. A failed one gives no messages, after a pause that grows with every failure. */
  receive(request: { max: number; waitSeconds: number }): Promise<Message[]>
  /** What the last request failed of; null when it did not. */
  problem(): string | null
}

/** Base of the pause after a failed request; it grows to 30 s. */
const PAUSE_SECONDS = 1
const MAX_PAUSE_SECONDS = 30

/** Receives, and rides out a queue that does not answer without a hot loop. */
export function createReceiver({ name, queue, visibilitySeconds, clock, stop, log }: ReceiverParts): Receiver {
  let failures = 0
  let problem: string | null = null
  return {
    async receive(request) {
      try {
        const messages = await queue.receive({ ...request, visibilitySeconds })
        if (failures > 0) log.info(`the ${name} queue answers again`)
        failures = 0
        problem = null
        return messages
      } catch (error) {
        failures++
        problem = toMessage(error)
        const pause = Math.min(MAX_PAUSE_SECONDS, toBackoffSeconds(failures, PAUSE_SECONDS))
        log.warn({ error }, `cannot receive from the ${name} queue, trying again in ${pause} s: ${problem}`)
        await clock.wait(pause * 1000, stop)
        return []
      }
    },
    problem: () => problem,
  }
}
