import { HTTPResponse, type EventHandler } from 'h3'

/** What the daemon needs from outside, and the state of each in a word or two that may be shown to anybody. */
export type Readiness = { ready: boolean; checks: Record<string, string> }

/** `GET /health`: the process is alive and its event loop turns. Asks nobody. */
export function healthHandler(): EventHandler {
  return () => answer(200, { status: 'ok' })
}

/** `GET /ready`: 200 when everything the daemon needs is there, else 503; each with its state. */
export function readyHandler({ isReady }: { isReady: () => Promise<Readiness> }): EventHandler {
  return async () => {
    const { ready, checks } = await isReady()
    return answer(ready ? 200 : 503, { status: ready ? 'ready' : 'unavailable', checks })
  }
}

function answer(status: number, body: object): HTTPResponse {
  return new HTTPResponse(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
}
