import { systemClock, type Clock } from '../vocabulary/clock.ts'
import { toMediadError, toMessage } from '../vocabulary/errors.ts'
import { toEventError, type Emit, type PolledName } from '../vocabulary/events.ts'
import { toBackoffSeconds } from '../protocol/backoff.ts'
import type { FaultReporter } from '../protocol/fault.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** Pauses a poller while something that every job needs fails, so that message after message does not fail. */
export type CircuitBreaker = FaultReporter & {
  /** Resolves when the next request is allowed; immediately while the breaker is not tripped. */
  wait(): Promise<void>
  /** The error that tripped it; null while it is not tripped. */
  problem(): string | null
}

/** Base of the pause. Jitter keeps the daemons of a fleet from resuming at the same time. */
const PAUSE_SECONDS = 1
/** A failed job has cost all of its work, so jobs are retried less often than messages, which are cheap to check. */
const MAX_PAUSE_SECONDS = { message: 30, job: 300 }

export type CircuitBreakerDeps = {
  /** The queue whose poller is paused. */
  name: PolledName
  /** Ends every pause. */
  stop: AbortSignal
  emit: Emit
  log: DaemonLog
  clock?: Clock
}

export function createCircuitBreaker({
  name,
  stop,
  emit,
  log,
  clock = systemClock,
}: CircuitBreakerDeps): CircuitBreaker {
  const tripped = new Map<keyof typeof MAX_PAUSE_SECONDS, { failures: number; until: number; problem: string }>()
  return {
    trip(by, error) {
      const before = tripped.get(by)
      if (before && clock.now() < before.until) return // concurrent failures count as one
      const failures = (before?.failures ?? 0) + 1
      const pause = Math.min(MAX_PAUSE_SECONDS[by], toBackoffSeconds(failures, PAUSE_SECONDS))
      const problem = toMessage(error)
      tripped.set(by, { failures, until: clock.now() + pause * 1000, problem })
      log.warn(
        { event: 'circuit.tripped', error, queue: name, by, pauseSeconds: pause },
        `circuit breaker tripped: no messages are received from the ${name} queue for ${pause} s: ${problem}`,
      )
      const described = toEventError(toMediadError(error, 'transient.queue'))
      emit({ type: 'circuit:tripped', queue: name, by, error: described, pauseSeconds: pause })
    },
    reset(by) {
      if (!tripped.delete(by) || tripped.size > 0) return
      log.info({ event: 'circuit.reset', queue: name }, `circuit breaker reset for the ${name} queue`)
      emit({ type: 'circuit:reset', queue: name })
    },
    async wait() {
      const until = Math.max(0, ...[...tripped.values()].map((one) => one.until))
      if (until > clock.now()) await clock.wait(until - clock.now(), stop)
    },
    problem: () => [...tripped.values()].at(0)?.problem ?? null,
  }
}
