import net from 'node:net'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { checkConfig } from '../../daemon/config/check.ts'
import type { Config, UserConfig } from '../../daemon/config/config.ts'
import { setIdentity } from '../../daemon/http/access/identity.ts'
import { createApp } from '../../daemon/http/app.ts'
import type { HttpRoute, Operation } from '../../daemon/http/route.ts'
import { createRoutes, type RouteDeps } from '../../daemon/http/routes.ts'
import { createStreams, type Streams } from '../../daemon/http/jobs/stream/streams.ts'
import { startServer, type HttpServer } from '../../daemon/http/server.ts'
import { systemClock } from '../../daemon/vocabulary/clock.ts'
import type { Identity } from '../../daemon/vocabulary/identity.ts'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { createLog } from '../../daemon/log/log.ts'
import { definePlugin } from '../../daemon/vocabulary/plugin.ts'
import { document } from './fakes.ts'
import { createFakeMultipart } from './multipart.ts'

const idle = definePlugin('idle', z.object({}), () => ({ run() {} }))

/** Returns a valid config with `change` applied. */
export function makeConfig(change: Partial<UserConfig> = {}): Config {
  const queues = { work: { url: 'http://q/w' }, inProgress: { url: 'http://q/i' }, dead: { url: 'http://q/d' } }
  return checkConfig({ bucket: 'media', queues, plugins: [idle()], ...change })
}

/** Returns the document of a job whose second attempt failed, with `change` applied. */
export function makeDocument(id: string, change: Partial<JobDocument> = {}): JobDocument {
  return document({
    id,
    state: 'failed',
    claim: 3,
    attempt: 2,
    owner: 'host-1/7',
    rev: 9,
    nonce: 'n0nce',
    progress: { plugin: 'transcode', percent: 40 },
    outputs: [{ key: 'cvted_a.mp4', kind: 'video', contentType: 'video/mp4', sizeBytes: 5, etag: 'e2', seconds: 1 }],
    error: {
      code: 'internal.ffmpeg',
      message: 'ffmpeg failed',
      verdict: 'retry',
      plugin: 'transcode',
      stderr: ['/secret/path'],
    },
    backoffSeconds: 5,
    ...change,
  })
}

/** The description of a route that only a test has. */
export const testOperation: Operation = { id: 'test', summary: 'For a test', responses: {} }

export type Edge = HttpServer & AsyncDisposable & { readonly logged: () => string }

/** Returns dependencies of the routes that succeed and find nothing, with `change` applied. */
export function makeRouteDeps({ config = makeConfig(), ...change }: Partial<RouteDeps> = {}): RouteDeps {
  return {
    config,
    presign: async ({ key }) => ({ url: `http://s3/media/${encodeURIComponent(key)}`, headers: {} }),
    presignPost: async ({ key }) => ({ url: 'http://s3/media', fields: { key } }),
    multipart: createFakeMultipart(),
    readUploadSecret: async () => 'secret of the tests, 32 characters',
    presignGet: async (key) => `http://s3/media/${encodeURIComponent(key)}`,
    readJob: async () => null,
    findSource: async () => null,
    listPage: async () => ({ jobs: [], cursor: null }),
    readSmall: async () => null,
    watches: { watch: () => () => {}, count: () => 0 },
    streams: toStreams(config),
    isReady: async () => ({ ready: true, checks: {} }),
    metrics: null,
    ...change,
  }
}

/**
 * Starts the HTTP endpoint on a free port. Dependencies that are not passed succeed and find nothing. `more` are
 * additional routes. `identify` returns who sent a request.
 */
export async function startEdge({
  more = [],
  config = makeConfig(),
  streams = toStreams(config),
  identify,
  ...deps
}: Partial<RouteDeps> & { more?: readonly HttpRoute[]; identify?: Identify } = {}): Promise<Edge> {
  const written: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (text) => written.push(text) } })
  const routes = createRoutes(makeRouteDeps({ config, streams, ...deps }))
  const all = [...routes, ...more].map((route) => (identify ? withIdentity(route, identify) : route))
  const app = createApp({ routes: all, http: config.http, log })
  const server = await startServer({ app, host: '127.0.0.1', port: 0, log })
  const close = () => {
    streams.close()
    return server.close()
  }
  return { ...server, close, logged: () => written.join(''), [Symbol.asyncDispose]: close }
}

type Identify = (request: Request) => Identity

function withIdentity(route: HttpRoute, identify: Identify): HttpRoute {
  const handler: HttpRoute['handler'] = (event) => {
    setIdentity(event, identify(event.req))
    return route.handler(event)
  }
  return { ...route, handler }
}

const toStreams = ({ http }: Config): Streams =>
  createStreams({ max: http.streams, maxPerClient: http.streamsPerClient, clock: systemClock })

/** Sends raw bytes and returns everything that is received until the connection ends. */
export async function sendRaw(port: number, ...pieces: readonly (string | Buffer)[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = net.connect(port, '127.0.0.1')
  let received = ''
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
  socket.on('error', (error) => (received += `\n${error.message}`))
  socket.on('close', () => resolve(received))
  for (const piece of pieces) socket.write(piece)
  return promise
}

export type JsonResponse = { status: number; headers: Headers; text: string; body: Record<string, unknown> }

/** Sends a request and returns the response, with its body as text and parsed. */
export async function request(url: string, init: RequestInit = {}): Promise<JsonResponse> {
  const response = await fetch(url, init)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: JSON.parse(text || '{}') as Record<string, unknown>,
  }
}

/** Requests an upload URL. A body that is text is sent unchanged. */
export const post = (url: string, body?: unknown, headers: Record<string, string> = {}) =>
  request(`${url}/video/pre-signed-url`, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

/** Checks that a response is a problem document and reveals nothing internal. */
export function assertProblem(response: JsonResponse, status: number, detail?: RegExp): void {
  assert.is(response.status, status, response.text)
  assert.is(response.headers.get('content-type'), 'application/problem+json')
  assert.is(response.body.status, status)
  assert.type(response.body.type, 'string')
  assert.type(response.body.title, 'string')
  assert.not.match(response.text, /\bat .*:\d+|node_modules|\.ts\b|\.mjs\b|stack/)
  if (detail) assert.match(String(response.body.detail), detail)
}
