import { HTTPResponse, type EventHandler } from 'h3'

/** The state of the daemon's external dependencies, in words that can be shown to anyone. */
export type Readiness = { ready: boolean; checks: Record<string, string> }

/** `GET /health`: shows that the process is alive and its event loop runs. It checks no dependency. */
export function healthHandler(): EventHandler {
  return () => respond(200, { status: 'ok' })
}

/** `GET /ready`: 200 if all dependencies are available, else 503, with the state of each. */
export function readyHandler({ isReady }: { isReady: () => Promise<Readiness> }): EventHandler {
  return async () => {
    const { ready, checks } = await isReady()
    return respond(ready ? 200 : 503, { status: ready ? 'ready' : 'unavailable', checks })
  }
}

function respond(status: number, body: object): HTTPResponse {
  return new HTTPResponse(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
}
