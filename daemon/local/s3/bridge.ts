import type { DaemonLog } from '../../vocabulary/log.ts'
import type { EventNotification } from '../objects/objects.ts'

const BATCH = 100

export type BridgeOptions = {
  /** Where notices wait, oldest first. A notice is dropped there only after it was sent. */
  readonly outbox: { notices(limit: number): EventNotification[]; dropNotification(sequence: number): void }
  /** Puts a body on the work queue; throws when it could not. */
  readonly send: (body: string) => void
  readonly log: DaemonLog | undefined
  /** Before another try; default 1. */
  readonly retrySeconds?: number
}

export type Bridge = {
  /** Sends everything that waits, at once and in order. Never throws: what could not be sent is tried again. */
  flush(): void
  close(): void
}

/**
 * Carries notices from the index to the work queue. They were written together with their objects, so no crash loses one;
 * a crash between sending and dropping sends it twice, as S3 does at times too.
 */
export function createBridge({ outbox, send, log, retrySeconds = 1 }: BridgeOptions): Bridge {
  let retry: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(retry)
    try {
      let batch: EventNotification[]
      do {
        batch = outbox.notices(BATCH)
        for (const { sequence, body } of batch) {
          send(body)
          outbox.dropNotification(sequence)
        }
      } while (batch.length === BATCH)
    } catch (error) {
      log?.error(
        { event: 'local.notification_failed', error, retryInSeconds: retrySeconds },
        'event notification did not reach the work queue, it is sent again',
      )
      retry = setTimeout(flush, retrySeconds * 1000)
    }
  }

  return { flush, close: () => clearTimeout(retry) }
}
