import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { securityHeaders } from './hooks.ts'
import { renderMinimalProblem } from './problem.ts'

/** Further connections are closed at once, so that their memory is bounded. */
const MAX_CONNECTIONS = 10_000
/** Browsers and proxies send the next request after the response, other clients a few at once. */
const MAX_RUNNING = 32
/** A client that reads nothing for this long does not read its response any more. Joining the parts of an upload takes minutes. */
const SILENT_MS = 10 * 60_000
/** Rest of a body that is read and discarded after the response, so that the connection can be used again. */
const MAX_REST_BYTES = 4 * 1024 * 1024

type State = {
  /** Requests without a response. */
  running: number
  /** What follows the running requests on the connection is not valid. */
  isBroken: boolean
  last: IncomingMessage
}

/** Bounds what connections can cost, and responds to what Node's parser rejects, which never reaches the app. */
export function guardConnections(server: Server): void {
  const states = new WeakMap<Duplex, State>()
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(SILENT_MS)
  const handlers = server.listeners('request')
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    if (socket.destroyed) return
    const state = states.get(socket) ?? { running: 0, isBroken: false, last: request }
    states.set(socket, state)
    state.last = request
    if (state.running >= MAX_RUNNING) {
      socket.destroy()
      return
    }
    state.running++
    response.once('finish', () => limitRest(request))
    response.once('close', () => {
      state.running--
      if (state.isBroken && state.running === 0) socket.destroy()
    })
    for (const handle of handlers) handle.call(server, request, response)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const state = states.get(socket)
    const running = state?.running ?? 0
    // requests before the invalid one get their responses; one with an invalid body would wait for its end
    if (state && running > 0 && state.last.complete) state.isBroken = true
    else if (running > 1) socket.destroy()
    else answerInvalidRequest(error, socket)
  })
}

/** Closes the connection of a client that goes on sending a body after the response. */
function limitRest(request: IncomingMessage): void {
  if (request.complete) return
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MAX_REST_BYTES) request.socket.destroy()
  })
}

const statuses: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }

/**
 * Responds to an invalid request. If the connection has had a response, it is closed instead, because a second one would be
 * taken for the response to another request.
 */
function answerInvalidRequest(error: NodeJS.ErrnoException, socket: Duplex & { bytesWritten?: number }): void {
  if (!socket.writable || (socket.bytesWritten ?? 0) > 0) {
    socket.destroy()
    return
  }
  const status = statuses[error.code ?? ''] ?? 400
  const body = renderMinimalProblem(status)
  const head = [
    `HTTP/1.1 ${status} `,
    ...Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}`),
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
