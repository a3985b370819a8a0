import type { DaemonLog } from '../../vocabulary/log.ts'
import type { EventNotification } from '../objects/objects.ts'

const BATCH = 100

export type BridgeOptions = {
  /** Holds the event notifications to send, oldest first. Each is dropped only after it was sent. */
  readonly outbox: { notifications(limit: number): EventNotification[]; dropNotification(sequence: number): void }
  /** Sends a body to the work queue; throws on failure. */
  readonly send: (body: string) => void
  readonly log: DaemonLog | undefined
  /** Pause before a retry. Default 1. */
  readonly retrySeconds?: number
}

export type Bridge = {
  /** Sends all waiting event notifications synchronously and in order. Never throws; retries after a failure. */
  flush(): void
  close(): void
}

/**
 * Sends event notifications from the index to the work queue. Each is stored in the same transaction as its object, so a
 * crash cannot lose one. A crash between sending and dropping sends it twice, which S3 does occasionally too.
 */
export function createBridge({ outbox, send, log, retrySeconds = 1 }: BridgeOptions): Bridge {
  let retry: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(retry)
    try {
      let batch: EventNotification[]
      do {
        batch = outbox.notifications(BATCH)
        for (const { sequence, body } of batch) {
          send(body)
          outbox.dropNotification(sequence)
        }
      } while (batch.length === BATCH)
    } catch (error) {
      log?.error(
        { event: 'local.notification_failed', error, retryInSeconds: retrySeconds },
        'sending an event notification to the work queue failed; it is retried',
      )
      retry = setTimeout(flush, retrySeconds * 1000)
    }
  }

  return { flush, close: () => clearTimeout(retry) }
}
