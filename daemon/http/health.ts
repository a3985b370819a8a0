import type { EventHandler } from 'h3'
import { respondJson } from './respond.ts'

/** The state of the daemon's external dependencies, in words that can be shown to anyone. */
export type Readiness = { ready: boolean; checks: Record<string, string> }

/** `GET /health`: shows that the process is alive and its event loop runs. It checks no dependency. */
export function healthHandler(): EventHandler {
  return () => respondJson({ status: 'ok' })
}

/** `GET /ready`: 200 if all dependencies are available, else 503, with the state of each. */
export function readyHandler({ isReady }: { isReady: () => Promise<Readiness> }): EventHandler {
  let running: Promise<Readiness> | undefined
  return async () => {
    // requests at the same time share one check, because everyone can send them and each costs requests to S3 and SQS
    const { ready, checks } = await (running ??= isReady().finally(() => (running = undefined)))
    return respondJson({ status: ready ? 'ready' : 'unavailable', checks }, ready ? 200 : 503)
  }
}
