import type { Server as NodeServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { serve, type H3 } from 'h3'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'
import { LARGEST_BODY_BYTES } from './body.ts'
import { securityHeaders } from './hooks.ts'
import { renderMinimalProblem } from './problem.ts'

export type HttpServer = {
  /** Without a trailing slash. */
  readonly url: string
  readonly port: number
  /** Stops listening, gives running requests 2 s to finish, and closes every connection. */
  close(): Promise<void>
}

export type ServerOptions = {
  app: H3
  host: string
  /** 0: any free port. */
  port: number
  /** The section of the config with host and port, for messages. Default `http`. */
  section?: 'http' | 'metrics'
  log: DaemonLog
}

const CLOSE_MS = 2_000

/**
 * Starts to listen for requests. It installs no signal handlers: the daemon decides when to stop.
 *
 * @throws MediadError `config.invalid` if it cannot listen on the host and port
 */
export async function startServer({ app, host, port, section = 'http', log }: ServerOptions): Promise<HttpServer> {
  const server = serve(app, {
    hostname: host,
    port,
    gracefulShutdown: false,
    silent: true,
    manual: true,
    maxRequestBodySize: LARGEST_BODY_BYTES,
    // the time for a complete request; no route accepts more than 1 MiB
    node: { requestTimeout: 30_000, headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
  })
  const node = server.node?.server as NodeServer
  node.on('clientError', answerInvalidRequest)
  try {
    await server.serve()
  } catch (error) {
    throw toListenError(error, { host, port, section })
  }
  const address = node.address()
  const bound = typeof address === 'object' && address !== null ? address.port : port
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`
  if (section === 'http') log.info({ event: 'http.listening', url }, 'HTTP endpoint listening')
  else log.info({ event: 'metrics.listening', url }, 'port for metrics listening')
  let closing: Promise<void> | undefined
  return { url, port: bound, close: () => (closing ??= close(node)) }
}

function close(node: NodeServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(() => node.closeAllConnections(), CLOSE_MS)
  // a kept-alive connection becomes idle at the end of its request; nothing else would close it then
  node.on('request', (_, response) => response.once('close', () => setImmediate(() => node.closeIdleConnections())))
  node.close(() => {
    clearTimeout(timer)
    resolve()
  })
  node.closeIdleConnections()
  return promise
}

const hints: Record<string, (section: string) => string> = {
  EADDRINUSE: (section) => `is in use; stop the other program, or choose another port with ${toOptionNames(section)}`,
  EACCES: (section) => `is not allowed for this user; choose a port above 1023 with ${toOptionNames(section)}`,
  EADDRNOTAVAIL: (section) => `cannot be opened: ${section}.host is not an address of this machine`,
  ENOTFOUND: (section) => `cannot be opened: ${section}.host is not an address of this machine`,
}

const toOptionNames = (section: string): string => (section === 'http' ? 'http.port or --port' : `${section}.port`)

type Listening = Required<Pick<ServerOptions, 'host' | 'port' | 'section'>>

function toListenError(error: unknown, { host, port, section }: Listening): MediadError {
  const hint = hints[(error as NodeJS.ErrnoException).code ?? '']?.(section) ?? `cannot be opened: ${toMessage(error)}`
  return new MediadError('config.invalid', `port ${port} ${hint} (host ${host})`, { cause: error })
}

const statuses: Record<string, number> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }

/**
 * Responds to a request that Node's parser rejects, which never reaches the app. If the connection already has a response,
 * it is closed instead, because a second one would be taken for the response to another request.
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
