import { CronJob } from 'cron'
import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { toMessage } from '../vocabulary/errors.ts'
import type { Emit, PolledName } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Message, Queue } from '../queue/queue.ts'
import { createCircuitBreaker, type CircuitBreaker } from './circuit-breaker.ts'
import { createReceiver } from './receiver.ts'
import { createSlots, type Permit, type SlotsGauge } from './slots.ts'

export type PollerDeps = {
  name: PolledName
  queue: Queue
  /** Cron expression with seconds. */
  poll: string
  /** How many slots: batches that are handled at once. */
  concurrency: number
  /** Messages one slot handles, one after the other. */
  batch: number
  /** The longest long poll, 1 to 20 s; never longer than until the next tick. */
  longPollSeconds: number
  visibilitySeconds: number
  /** The brake is for what concerns the next message too. */
  handle(message: Message, breaker: CircuitBreaker): Promise<void>
  emit: Emit
  log: DaemonLog
  clock?: Clock
}

export type Poller = {
  start(): void
  /** Receives nothing more, gives back what arrives all the same, and resolves once the last request is answered. */
  stop(): Promise<void>
  /** Resolves once every message in hand is handled. */
  whenIdle(): Promise<void>
  /** Its slots right now. */
  gauge(): SlotsGauge
  /** What keeps it from taking messages; null while all is well. */
  problem(): string | null
}

/** SQS gives no more in one request. */
const MAX_RECEIVE = 10

/**
 * A cron tick looks at the semaphore; for the free slots it receives, by a long poll that ends with the next tick. While
 * messages come, a finished slot takes the next at once.
 *
 * INVARIANT: one receive request at a time, and never for more than the slots it holds. An idle poller therefore makes one
 * request per tick, and a message finds a free slot waiting for it.
 */
export function createPoller(deps: PollerDeps): Poller {
  const { queue, clock = systemClock } = deps
  const slots = createSlots(deps.concurrency)
  const stopping = new AbortController()
  let pump = Promise.resolve()
  let pumping = false
  let tickMissed = false
  const receiver = createReceiver({ ...deps, clock, stop: stopping.signal })
  const breaker = createCircuitBreaker({ ...deps, clock, stop: stopping.signal })
  const cron = createCron(deps, wake)

  function wake(): void {
    if (stopping.signal.aborted) return
    tickMissed = pumping
    if (!pumping) pump = receiveWhileMessagesCome()
  }

  async function receiveWhileMessagesCome(): Promise<void> {
    pumping = true
    for (;;) {
      await breaker.wait()
      if (stopping.signal.aborted) break
      const permits = slots.take(Math.ceil(MAX_RECEIVE / deps.batch))
      if (permits.length === 0) break // whichever slot is free next wakes us
      tickMissed = false
      const messages = await receiver.receive({
        max: Math.min(MAX_RECEIVE, permits.length * deps.batch),
        waitSeconds: longPollSeconds(cron.nextDate().toMillis() - Date.now(), deps.longPollSeconds),
      })
      permits.forEach((permit, slot) => void work(permit, messages.slice(slot * deps.batch, (slot + 1) * deps.batch)))
      // a failed request was no poll: the tick is still owed one
      if (messages.length === 0 && !tickMissed && receiver.problem() === null) break
    }
    pumping = false // in the very turn of the decision: a slot that is free a moment later must start anew
  }

  async function work(permit: Permit, messages: readonly Message[]): Promise<void> {
    if (messages.length > 0) permit.use()
    try {
      for (const message of messages) {
        if (stopping.signal.aborted) await queue.hide(message, 0)
        else await deps.handle(message, breaker)
      }
    } catch (error) {
      logUnhandled(deps, error)
    } finally {
      permit.release()
      if (messages.length > 0) wake()
    }
  }

  return {
    start() {
      cron.start()
      wake()
    },
    async stop() {
      stopping.abort()
      await Promise.all([cron.stop(), pump])
    },
    whenIdle: () => slots.whenIdle(),
    gauge: () => slots.gauge(),
    problem: () => receiver.problem() ?? breaker.problem(),
  }
}

function createCron({ log, name, poll }: PollerDeps, onTick: () => void) {
  const errorHandler = (error: unknown) =>
    log.error({ event: 'poll.tick_failed', error, queue: name }, `poller tick failed: ${toMessage(error)}`)
  return CronJob.from({ cronTime: poll, onTick, waitForCompletion: true, errorHandler })
}

function logUnhandled({ log, name }: PollerDeps, error: unknown): void {
  log.error(
    { event: 'message.unhandled', error, queue: name },
    `message could not be handled, it becomes visible again: ${toMessage(error)}`,
  )
}

/** Until the next tick, in SQS's whole seconds: rounded up, so that polls leave no gap between ticks. */
function longPollSeconds(untilTickMs: number, longest: number): number {
  return Math.min(longest, Math.max(1, Math.ceil(untilTickMs / 1000)))
}
