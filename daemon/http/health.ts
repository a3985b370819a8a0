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
  return async () => {
    const { ready, checks } = await isReady()
    return respondJson({ status: ready ? 'ready' : 'unavailable', checks }, ready ? 200 : 503)
  }
}
