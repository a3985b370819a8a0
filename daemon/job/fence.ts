import type { Clock } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'

/** Reason of a lease that was lost because no heartbeat was written. */
export const NO_HEARTBEAT = 'no heartbeat was written in time'

/**
 * The owner's own check of whether it still holds the lease. It uses only the monotonic clock, not the network, and
 * reports the lease lost before any other daemon can find it stale.
 */
export type Fence = {
  /** Aborts once, with `lease.lost`. */
  readonly signal: AbortSignal
  /** Records that a write which was sent at `sentAt` succeeded. */
  confirm(sentAt: number): void
  /** Returns the time since the last confirmed write was sent. */
  sinceConfirmedMs(): number
  /** Returns whether the lease is held. */
  isHeld(): boolean
  /** @throws MediadError `lease.lost` when the lease is not held */
  assertHeld(): void
  /**
   * Marks the lease as lost and returns the error to throw. The reason of the first call is the reason of the signal.
   */
  markLost(reason: string): MediadError
}

/**
 * Creates the fence of a claim.
 *
 * @param deps `holdMs` is the time for which a confirmed write holds the lease, `sentAt` the time of the claim's write
 */
export function createFence({
  id,
  clock,
  holdMs,
  sentAt,
}: {
  id: string
  clock: Clock
  holdMs: number
  sentAt: number
}): Fence {
  const lost = new AbortController()
  let confirmedAt = sentAt
  const sinceConfirmedMs = () => clock.now() - confirmedAt
  const isHeld = () => !lost.signal.aborted && sinceConfirmedMs() <= holdMs
  function markLost(reason: string): MediadError {
    const error = new MediadError('lease.lost', `lost the lease of job ${id}: ${reason}`)
    lost.abort(error)
    return error
  }
  return {
    signal: lost.signal,
    confirm(sentAt) {
      confirmedAt = sentAt
    },
    sinceConfirmedMs,
    isHeld,
    assertHeld() {
      lost.signal.throwIfAborted()
      if (!isHeld()) throw markLost(NO_HEARTBEAT)
    },
    markLost,
  }
}
