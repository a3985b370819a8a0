import type { Clock } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'

export const SILENCE = 'no heartbeat got through in time'

/** An owner's own judgement of whether he still holds: it needs no network, and never believes too long. */
export type Fence = {
  /** Aborts with `lease.lost`, once and for good. */
  readonly signal: AbortSignal
  /** A write got through that was sent at `sentAt`. */
  confirm(sentAt: number): void
  /** Since the last confirmed write was sent. */
  silentForMs(): number
  holds(): boolean
  /** @throws MediadError `lease.lost` */
  assertHeld(): void
  /** Falls, for `reason`; the first one stays. Returns the error to throw. */
  fall(reason: string): MediadError
}

/** @param parts `holdMs`: how long one confirmed write lasts. `sentAt`: of the write that made us the owner. */
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
  const silentForMs = () => clock.now() - confirmedAt
  const holds = () => !lost.signal.aborted && silentForMs() <= holdMs
  function fall(reason: string): MediadError {
    const error = new MediadError('lease.lost', `lost the lease of job ${id}: ${reason}`)
    lost.abort(error)
    return error
  }
  return {
    signal: lost.signal,
    confirm(sentAt) {
      confirmedAt = sentAt
    },
    silentForMs,
    holds,
    assertHeld() {
      lost.signal.throwIfAborted()
      if (!holds()) throw fall(SILENCE)
    },
    fall,
  }
}
