import { CronJob } from 'cron'
import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { toMessage } from '../vocabulary/errors.ts'
import type { Emit, PolledName } from '../vocabulary/events.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import type { Message, Queue } from '../queue/queue.ts'
import { createCircuitBreaker, type CircuitBreaker } from './circuit-breaker.ts'
import { createReceiver } from './receiver.ts'
import type { Admission } from './adaptive.ts'
import { createSlots, type Permit, type SlotsGauge } from './slots.ts'

export type PollerDeps = {
  name: PolledName
  queue: Queue
  /** Cron expression with seconds. */
  poll: string
  /** Number of slots, each of which handles one batch at a time. */
  concurrency: number
  /** Decides how many of the slots can be held at present; default: all. */
  admission?: Admission
  /** Number of messages in a slot's batch; the slot handles them in sequence. */
  batch: number
  /** Maximum length of a long poll, 1 to 20 s; a long poll also ends at the next tick. */
  longPollSeconds: number
  visibilitySeconds: number
  /** Handles one message, and reports faults that affect the following messages too to the circuit breaker. */
  handle(message: Message, breaker: CircuitBreaker): Promise<void>
  emit: Emit
  log: DaemonLog
  clock?: Clock
}

export type Poller = {
  start(): void
  /** Stops receiving. Resolves after the last request; messages it still returns are made visible again. */
  stop(): Promise<void>
  /** Resolves once all received messages are handled. */
  whenIdle(): Promise<void>
  /** Returns the current use of its slots. */
  gauge(): SlotsGauge
  /** Returns why it receives no messages; null while it works normally. */
  problem(): string | null
}

/** The maximum of SQS for one request. */
const MAX_RECEIVE = 10

/**
 * Receives messages for its free slots. On each cron tick it takes the free slots and sends a long poll that ends at the
 * next tick. While messages arrive, a slot that becomes free receives the next one immediately.
 *
 * INVARIANT: there is one receive request at a time, never for more messages than the slots it holds. So an idle poller
 * sends one request per tick, and every received message has a slot. With an admission, it holds no more slots than the level
 * when it sends the request.
 */
export function createPoller(deps: PollerDeps): Poller {
  const { queue, clock = systemClock } = deps
  const slots = createSlots(deps.concurrency, deps.admission)
  const stopping = new AbortController()
  let receiving = Promise.resolve()
  let [isReceiving, tickMissed] = [false, false]
  const receiver = createReceiver({ ...deps, clock, stop: stopping.signal })
  const breaker = createCircuitBreaker({ ...deps, clock, stop: stopping.signal })
  const cron = createCron(deps, wake)

  function wake(): void {
    if (stopping.signal.aborted) return
    tickMissed = isReceiving
    if (!isReceiving) receiving = receiveWhileMessagesArrive()
  }

  async function receiveWhileMessagesArrive(): Promise<void> {
    isReceiving = true
    for (;;) {
      await breaker.wait()
      if (stopping.signal.aborted) break
      const permits = slots.take(Math.ceil(MAX_RECEIVE / deps.batch))
      if (permits.length === 0) break // the next slot that becomes free, or a higher level, calls wake()
      tickMissed = false
      const messages = await receiver.receive({
        max: Math.min(MAX_RECEIVE, permits.length * deps.batch),
        waitSeconds: longPollSeconds(cron.nextTick() - Date.now(), deps.longPollSeconds),
      })
      permits.forEach((permit, slot) => void work(permit, messages.slice(slot * deps.batch, (slot + 1) * deps.batch)))
      // a failed request does not count as the poll of this tick
      if (messages.length === 0 && !tickMissed && receiver.problem() === null) break
    }
    isReceiving = false // in the same turn as the decision: a slot released later must be able to start receiving again
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
      deps.admission?.start(wake)
      wake()
    },
    async stop() {
      stopping.abort()
      await Promise.all([cron.stop(), deps.admission?.stop(), receiving])
    },
    whenIdle: () => slots.whenIdle(),
    gauge: () => slots.gauge(),
    problem: () => receiver.problem() ?? breaker.problem(),
  }
}

function createCron({ log, name, poll }: PollerDeps, onTick: () => void) {
  const errorHandler = (error: unknown) =>
    log.error({ event: 'poll.tick_failed', error, queue: name }, `poller tick failed: ${toMessage(error)}`)
  const job = CronJob.from({ cronTime: poll, onTick, waitForCompletion: true, errorHandler })
  let next = 0
  return {
    start: () => job.start(),
    stop: () => job.stop(),
    /** The time of the next tick. It takes a millisecond to calculate, so that is done once for each tick. */
    nextTick: () => (next > Date.now() ? next : (next = job.nextDate().toMillis())),
  }
}

function logUnhandled({ log, name }: PollerDeps, error: unknown): void {
  log.error(
    { event: 'message.unhandled', error, queue: name },
    `message could not be handled; it becomes visible again: ${toMessage(error)}`,
  )
}

/** Time until the next tick in full seconds, as SQS requires; rounded up so that polls leave no gap between ticks. */
function longPollSeconds(untilTickMs: number, longest: number): number {
  return Math.min(longest, Math.max(1, Math.ceil(untilTickMs / 1000)))
}
