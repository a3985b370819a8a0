import { MediadError, toMessage } from '../vocabulary/errors.ts'

const TERM_MS = 2000

export type Stopper = {
  /**
   * Sends SIGTERM, and SIGKILL 2 s later. When the reason is an error with the verdict `abandon`, SIGKILL is sent at once:
   * the new owner of the job can start as soon as the margin of the lease has passed, which is 2 s for a short lease.
   */
  end(reason: unknown): void
  /** Sends SIGKILL. SIGTERM has no effect on a suspended process. */
  kill(reason: unknown): void
  /** Call it after ffmpeg has ended. Throws the reason for which it was stopped early, if it was. */
  settle(): void
}

/** Stops ffmpeg early. The first reason given counts. */
export function createStopper(send: (signal: 'SIGTERM' | 'SIGKILL') => void): Stopper {
  let stopped: { reason: unknown } | null = null
  let timer: NodeJS.Timeout | undefined
  function kill(reason: unknown): void {
    stopped ??= { reason }
    send('SIGKILL')
  }
  return {
    end(reason) {
      if (reason instanceof MediadError && reason.verdict === 'abandon') return kill(reason)
      stopped ??= { reason }
      send('SIGTERM')
      timer = setTimeout(() => send('SIGKILL'), TERM_MS)
    },
    kill,
    settle() {
      clearTimeout(timer)
      if (stopped) throw stopped.reason instanceof Error ? stopped.reason : new Error(toMessage(stopped.reason))
    },
  }
}
