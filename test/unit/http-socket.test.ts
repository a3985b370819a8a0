import net from 'node:net'
import * as assert from 'uvu/assert'
import { H3 } from 'h3'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { startServer } from '../../daemon/http/server.ts'
import { createLog } from '../../daemon/log/log.ts'
import { sendRaw, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('http: connections')

const HEAD = 'POST /video/pre-signed-url HTTP/1.1\r\nHost: a\r\n'
const LAST = 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`

function statusesOf(received: string): number[] {
  assert.not.match(received, /node_modules|\.ts:|\.mjs|    at /)
  return [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
}

test('responds 413 to a body above 16 KiB, with and without a length, and keeps the connection', async () => {
  await using edge = await startEdge()
  const long = 'x'.repeat(50_000)
  assert.equal(
    statusesOf(await sendRaw(edge.port, `${HEAD}Content-Length: ${long.length}\r\n\r\n${long}`, LAST)),
    [413, 200],
  )
  const chunks = Array.from({ length: 30 }, () => chunk(65_536))
  assert.equal(
    statusesOf(await sendRaw(edge.port, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, ...chunks, '0\r\n\r\n', LAST)),
    [413, 200],
  )
})

test('limits bodies to exactly 16 KiB', async () => {
  await using edge = await startEdge()
  for (const [bytes, status] of [
    [16_384, 200],
    [16_385, 413],
  ] as const) {
    const body = '{}'.padEnd(bytes)
    const sent = await sendRaw(
      edge.port,
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      LAST,
    )
    assert.equal(statusesOf(sent), [status, 200])
  }
})

test('responds to an endless body before its end', async () => {
  await using edge = await startEdge()
  const socket = net.connect(edge.port, '127.0.0.1')
  let received = ''
  socket.on('data', (data: Buffer) => (received += data.toString()))
  socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk(20_000)}`)
  await until('the response arrives', () => received.includes('413'))
  socket.destroy()
})

test('responds with a problem to invalid HTTP, and closes the connection', async () => {
  await using edge = await startEdge()
  for (const invalid of [
    'FOO / HTTP/1.1\r\nHost: a\r\n\r\n',
    'hello\r\n\r\n',
    '\u0016\u0003\u0001',
    'GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
    `${HEAD}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ]) {
    const received = await sendRaw(edge.port, invalid)
    assert.equal(statusesOf(received), [400], invalid)
    assert.match(received, /content-type: application\/problem\+json/)
  }
  const large = await sendRaw(edge.port, `GET /health HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)
  assert.equal(statusesOf(large), [431])
  assert.is((await fetch(`${edge.url}/health`)).status, 200)
})

test('handles paths that client libraries do not send', async () => {
  await using edge = await startEdge()
  const statusOf = async (target: string) =>
    statusesOf(await sendRaw(edge.port, `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`))
  for (const target of [
    '/video/../../etc/passwd',
    '/video/%zz',
    '/video/%00',
    '/video/..%2f..%2f',
    '//health',
    '/video//',
    `/video/${'a'.repeat(8000)}`,
    'http://other/none',
    '*',
  ])
    assert.equal(await statusOf(target), [404], target)
  assert.equal(await statusOf('/health'), [200])
  assert.equal(
    statusesOf(await sendRaw(edge.port, 'GET /health HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n')).length,
    1,
  )
})

test('logs no error for a client that disconnects in the middle of its body', async () => {
  await using edge = await startEdge()
  const socket = net.connect(edge.port, '127.0.0.1')
  socket.write(`${HEAD}Content-Length: 100\r\n\r\n{"filename`)
  await until(
    'the request is being read',
    async () => socket.bytesWritten > 0 && (await fetch(`${edge.url}/health`)).ok,
  )
  socket.destroy()
  await until('the server has logged the request', () => edge.logged().includes('"status":400'))
  assert.not.match(edge.logged(), /"level":"error"/)
})

test('responds to pipelined requests on one connection in order', async () => {
  await using edge = await startEdge()
  const received = await sendRaw(
    edge.port,
    `${HEAD}Content-Length: 2\r\n\r\n{}`,
    'GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n',
    LAST,
  )
  assert.equal(statusesOf(received), [200, 404, 200])
})

test('close() ends idle connections at once, and lets running requests finish', async () => {
  const slow = Promise.withResolvers<null>()
  const reading = Promise.withResolvers<void>()
  const edge = await startEdge({ readJob: () => (reading.resolve(), slow.promise) })
  const idle = net.connect(edge.port, '127.0.0.1')
  idle.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
  await until('the idle connection was served', () => idle.bytesRead > 0)
  const idleEnded = new Promise((resolve) => idle.once('close', resolve))
  const running = fetch(`${edge.url}/video/${'a'.repeat(32)}`)
  await reading.promise
  const closed = edge.close()
  idle.resume()
  await idleEnded
  slow.resolve(null)
  assert.is((await running).status, 404)
  await closed
  assert.is(edge.close(), edge.close())
  const refused = await fetch(`${edge.url}/health`).catch((error: unknown) => error)
  assert.instance(refused, TypeError)
})

test('close() aborts requests that do not finish', async () => {
  const edge = await startEdge({ readJob: () => new Promise(() => {}) })
  const hanging = fetch(`${edge.url}/video/${'a'.repeat(32)}`).catch((error: unknown) => error)
  await fetch(`${edge.url}/health`)
  const silent = net.connect(edge.port, '127.0.0.1')
  await new Promise((resolve) => silent.once('connect', resolve))
  const silentEnded = new Promise((resolve) => silent.once('close', resolve))
  silent.resume()
  await edge.close()
  assert.instance(await hanging, TypeError)
  await silentEnded
})

test('reports a port that cannot be opened as a config error', async () => {
  await using edge = await startEdge()
  const log = createLog({ level: 'silent' })
  const start = (host: string, port: number) =>
    startServer({ app: new H3(), host, port, log }).then(
      () => null,
      (error: unknown) => error as MediadError,
    )
  const busy = await start('127.0.0.1', edge.port)
  assert.is(busy?.code, 'config.invalid')
  assert.match(busy?.message ?? '', new RegExp(`^port ${edge.port} is in use`))
  const foreign = await start('192.0.2.1', 0)
  assert.is(foreign?.code, 'config.invalid')
  assert.match(foreign?.message ?? '', /not an address of this machine/)
})

test('installs no signal handlers', async () => {
  const before = process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')
  await using edge = await startEdge()
  assert.is(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT'), before)
  assert.match(edge.url, /^http:\/\/127\.0\.0\.1:\d+$/)
})
