import { MediadError, toMessage } from '../vocabulary/errors.ts'

const TERM_MS = 2000

export type Stopper = {
  /**
   * SIGTERM, and SIGKILL if that has no effect within 2 s; SIGKILL at once when the job is another's: he may begin as soon as
   * the margin of the lease is over, which is 2 s for a short one.
   */
  end(reason: unknown): void
  /** SIGKILL: SIGTERM has no effect on a stopped process. */
  kill(reason: unknown): void
  /** Once ffmpeg is gone: throws the reason for which it was ended early, if it was. */
  settle(): void
}

/** Ends ffmpeg early; the first reason given is the one that counts. */
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
