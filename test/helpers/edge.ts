import net from 'node:net'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { checkConfig } from '../../daemon/config/check.ts'
import type { Config, UserConfig } from '../../daemon/config/schema.ts'
import { createApp, type AppParts } from '../../daemon/http/app.ts'
import { startServer, type HttpServer } from '../../daemon/http/server.ts'
import type { JobDocument } from '../../daemon/vocabulary/job.ts'
import { createLog } from '../../daemon/log/log.ts'
import { definePlugin } from '../../daemon/vocabulary/plugin.ts'

const idle = definePlugin('idle', z.object({}), () => ({ run() {} }))

/** A valid config with `change` laid over it. */
export function makeConfig(change: Partial<UserConfig> = {}): Config {
  const queues = { work: { url: 'http://q/w' }, inProgress: { url: 'http://q/i' }, dead: { url: 'http://q/d' } }
  return checkConfig({ bucket: 'media', queues, plugins: [idle()], ...change })
}

/** A finished job, as its document says it. */
export function makeDocument(id: string, change: Partial<JobDocument> = {}): JobDocument {
  return {
    version: 1,
    id,
    source: { bucket: 'media', key: 'origin_a.mp4', etag: 'e1', sizeBytes: 10, sequencer: '0A' },
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
    timings: { startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, plugins: [] },
    history: [],
    ...change,
  }
}

export type Edge = HttpServer & AsyncDisposable & { readonly logged: () => string }

/** The HTTP edge on a socket of its own; whatever is not given answers as if all were well and empty. */
export async function startEdge(parts: Partial<AppParts> = {}): Promise<Edge> {
  const written: string[] = []
  const log = createLog({ level: 'debug', destination: { write: (text) => written.push(text) } })
  const app = createApp({
    config: makeConfig(),
    log,
    presign: async ({ key }) => ({ url: `http://s3/media/${encodeURIComponent(key)}`, headers: {} }),
    readJob: async () => null,
    isReady: async () => ({ ready: true, checks: {} }),
    ...parts,
  })
  const server = await startServer({ app, host: '127.0.0.1', port: 0, log })
  return { ...server, logged: () => written.join(''), [Symbol.asyncDispose]: () => server.close() }
}

/** Sends bytes as they are and collects all that comes back until the connection ends. */
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

export type Answer = { status: number; headers: Headers; text: string; body: Record<string, unknown> }

/** One request; the body as text and parsed. */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: JSON.parse(text || '{}') as Record<string, unknown>,
  }
}

/** Asks for an upload URL; text is sent as it is. */
export const post = (url: string, body?: unknown, headers: Record<string, string> = {}) =>
  ask(`${url}/video/pre-signed-url`, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

/** Problem details, and nothing of our insides. */
export function assertProblem(answer: Answer, status: number, detail?: RegExp): void {
  assert.is(answer.status, status, answer.text)
  assert.is(answer.headers.get('content-type'), 'application/problem+json')
  assert.is(answer.body.status, status)
  assert.type(answer.body.type, 'string')
  assert.type(answer.body.title, 'string')
  assert.not.match(answer.text, /\bat .*:\d+|node_modules|\.ts\b|\.mjs\b|stack/)
  if (detail) assert.match(String(answer.body.detail), detail)
}
