/** What a client sends to confuse, to exhaust or to hold the endpoint; test/soak/hostile.ts measures the memory. */
import net from 'node:net'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { createApp } from '../../daemon/http/app.ts'
import { respondJson } from '../../daemon/http/respond.ts'
import type { HttpRoute } from '../../daemon/http/route.ts'
import { startServer } from '../../daemon/http/server.ts'
import { createLog } from '../../daemon/log/log.ts'
import { makeConfig, sendRaw, startEdge, testOperation } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('http: hostile clients')

const POST = 'POST /video/pre-signed-url HTTP/1.1\r\nHost: a\r\n'
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n'
const LAST = 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

function statusesOf(received: string): number[] {
  assert.not.match(received, /node_modules|\.ts:|\.mjs|    at /)
  return [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
}

/** Creates a route that no valid request of these tests reaches, and counts how often it runs. */
function createHiddenRoute() {
  const state = { runs: 0 }
  const handler = () => {
    state.runs++
    return respondJson({})
  }
  return { state, route: { method: 'GET', path: '/hidden', operation: testOperation, handler } as const }
}

/** Requests that servers understand in different ways. Each contains a request that must not be found in it. */
const ambiguous: Record<string, string> = {
  'content-length and chunked': `${POST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'chunked and content-length': `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n29\r\n${HIDDEN}\r\n0\r\n\r\n`,
  'two lengths': `${POST}Content-Length: 2\r\nContent-Length: ${HIDDEN.length + 2}\r\n\r\n{}${HIDDEN}`,
  'the same length twice': `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  'a list of lengths': `${POST}Content-Length: 2, 2\r\n\r\n{}${HIDDEN}`,
  'a length with a sign': `${POST}Content-Length: +2\r\n\r\n{}${HIDDEN}`,
  'a negative length': `${POST}Content-Length: -2\r\n\r\n{}${HIDDEN}`,
  'a hexadecimal length': `${POST}Content-Length: 0x2\r\n\r\n{}${HIDDEN}`,
  'a length beyond all numbers': `${POST}Content-Length: 99999999999999999999999\r\n\r\n{}${HIDDEN}`,
  'a space before the colon': `${POST}Content-Length : 2\r\n\r\n{}${HIDDEN}`,
  'a folded header': `${POST}X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  'a folded coding': `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
  'an unknown coding': `${POST}Transfer-Encoding: xchunked\r\n\r\n${HIDDEN}`,
  'two codings': `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'the coding identity': `${POST}Transfer-Encoding: identity\r\n\r\n${HIDDEN}`,
  'line feeds alone': `POST /video/pre-signed-url HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}${HIDDEN}`,
  'one line feed alone': `${POST}X: a\nContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  'a carriage return alone': `${POST}X: a\rContent-Length: 2\r\n\r\n{}${HIDDEN}`,
  'a zero byte': `${POST}X: a\u0000b\r\n\r\n${HIDDEN}`,
  'chunks with line feeds alone': `${CHUNKED}2\n{}\n0\n\n${HIDDEN}`,
  'a negative chunk': `${CHUNKED}-2\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
  'a chunk beyond all numbers': `${CHUNKED}fffffffffffffffff\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
  'a space after the size of a chunk': `${CHUNKED}2 \r\n{}\r\n0\r\n\r\n${HIDDEN}`,
  'a chunk that is longer than its size': `${CHUNKED}2\r\n{}{}\r\n0\r\n\r\n${HIDDEN}`,
  'no version': `GET /health\r\n\r\n${HIDDEN}`,
  'an unknown version': `GET /health HTTP/1.2\r\nHost: a\r\n\r\n${HIDDEN}`,
  'HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`,
  'a path that is not ASCII': `GET /vidéo HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`,
  'an endless extension of a chunk': `${CHUNKED}2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n${HIDDEN}`,
}

test('answers requests that can be understood in two ways once with 400, and closes the connection', async () => {
  const { state, route } = createHiddenRoute()
  await using edge = await startEdge({ more: [route] })
  const results = await Promise.all(
    Object.entries(ambiguous).map(async ([name, sent]) => {
      const received = await sendRaw(edge.port, Buffer.from(sent, 'latin1'))
      return [name, statusesOf(received)] as const
    }),
  )
  for (const [name, statuses] of results) assert.equal(statuses, [400], name)
  assert.is(state.runs, 0)
})

test('rejects a missing or second host and a second coding of the body, and answers the next request', async () => {
  await using edge = await startEdge()
  const twice = 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
  assert.equal(statusesOf(await sendRaw(edge.port, twice, LAST)), [400, 200])
  const none = await sendRaw(edge.port, 'GET /health HTTP/1.1\r\n\r\n', LAST)
  assert.equal(statusesOf(none), [400, 200])
  assert.match(none, /host: must be sent once/)
  assert.equal(statusesOf(await sendRaw(edge.port, 'GET /health HTTP/1.0\r\n\r\n')), [200])
  const coded = `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`
  assert.equal(statusesOf(await sendRaw(edge.port, coded, LAST)), [400, 200])
})

test('limits the header of a request, its trailers and its path', async () => {
  await using edge = await startEdge()
  for (const large of [
    `GET /${'a'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    `GET /health HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(3000)}\r\n`,
    `GET /health HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`,
    `GET /health HTTP/1.1\r\nHost: a\r\n${'x'.repeat(17_000)}: a\r\n\r\n`,
    `${CHUNKED}2\r\n{}\r\n0\r\n${'X: y\r\n'.repeat(4000)}\r\n`,
  ])
    assert.equal(statusesOf(await sendRaw(edge.port, large)), [431], large.slice(0, 30))
})

test('accepts no compressed bodies and no invalid UTF-8', async () => {
  await using edge = await startEdge()
  const send = async (headers: string, body: Buffer) =>
    await sendRaw(edge.port, `${POST}${headers}Content-Length: ${body.length}\r\n\r\n`, body, LAST)
  const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024))
  for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, gzip', 'unknown']) {
    const received = await send(`Content-Encoding: ${encoding}\r\n`, bomb)
    assert.equal(statusesOf(received), [415, 200], encoding)
    assert.match(received, /"code":"request\.content_encoding"/)
  }
  assert.equal(statusesOf(await send('Content-Encoding: identity\r\n', Buffer.from('{}'))), [200, 200])
  for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xc0, 0x80]]) {
    const body = Buffer.concat([Buffer.from('{"filename":"'), Buffer.from(bytes), Buffer.from('.mp4"}')])
    assert.equal(statusesOf(await send('', body)), [400, 200], bytes.join())
  }
  const utf16 = Buffer.from('\uFEFF{"filename":"a.mp4"}', 'utf16le')
  assert.equal(statusesOf(await send('', utf16)), [400, 200])
})

test('gives the requests before an invalid one their responses, and then closes the connection', async () => {
  const { state, route } = createHiddenRoute()
  await using edge = await startEdge({ more: [route] })
  const first = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'
  assert.equal(statusesOf(await sendRaw(edge.port, `${first}nonsense\r\n\r\n${HIDDEN}`)), [200])
  assert.equal(statusesOf(await sendRaw(edge.port, `${LAST}${HIDDEN}`)), [200])
  assert.equal(statusesOf(await sendRaw(edge.port, `${first}${first}${CHUNKED}-1\r\n`)).length, 0)
  assert.is(state.runs, 0)
})

/** Starts an endpoint with these routes and short times. */
async function startBusy(routes: readonly HttpRoute[]) {
  const log = createLog({ level: 'silent' })
  const app = createApp({ routes, http: makeConfig().http, log })
  const timeouts = { requestTimeout: 200, headersTimeout: 100, connectionsCheckingInterval: 20 }
  const server = await startServer({ app, host: '127.0.0.1', port: 0, timeouts, log })
  return { ...server, [Symbol.asyncDispose]: () => server.close() }
}

test('closes connections that send nothing, or their header or body too slowly', async () => {
  await using server = await startBusy([])
  const slow = (sent: string) => {
    const socket = net.connect(server.port, '127.0.0.1')
    const { promise, resolve } = Promise.withResolvers<string>()
    let received = ''
    const drip = setInterval(() => socket.write('a'), 10)
    socket.on('data', (data: Buffer) => (received += data.toString()))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(drip)
      resolve(received)
    })
    if (sent === '') clearInterval(drip)
    else socket.write(sent)
    return promise
  }
  const results = await Promise.all([
    slow(''),
    slow('GET /'),
    slow('GET / HTTP/1.1\r\nHost: a\r\nX: '),
    slow('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n'),
  ])
  const statuses = results.map(statusesOf)
  assert.equal(statuses.slice(0, 3), [[408], [408], [408]])
  // no route reads the body: the response comes first, and the connection ends when the time of the request does
  assert.equal(statuses[3], [404])
})

/** Sends a body that does not end, and returns the statuses of the responses when the endpoint has closed the connection. */
async function sendEndless(port: number, head: string): Promise<number[]> {
  const socket = net.connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => undefined)
  let received = ''
  socket.on('data', (data: Buffer) => (received += data.toString()))
  socket.write(head)
  const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const send = () => {
    while (!socket.destroyed && socket.write(piece));
  }
  socket.on('drain', send)
  send()
  await closed
  return statusesOf(received)
}

test('closes the connection of a client that goes on sending a body after its response', async () => {
  await using edge = await startEdge()
  assert.equal(await sendEndless(edge.port, CHUNKED), [413])
  assert.equal(await sendEndless(edge.port, CHUNKED.replace('/video/pre-signed-url', '/none')), [404])
  assert.equal(await sendEndless(edge.port, CHUNKED.replace('POST /video/pre-signed-url', 'GET /health')), [200])
})

test('runs only a few requests of a connection at once, and closes one that sends more', async () => {
  const state = { runs: 0 }
  const gate = Promise.withResolvers<void>()
  const handler = async () => {
    state.runs++
    await gate.promise
    return respondJson({})
  }
  await using edge = await startEdge({ more: [{ method: 'GET', path: '/slow', operation: testOperation, handler }] })
  const request = 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'
  assert.is(await sendRaw(edge.port, request.repeat(1000)), '')
  assert.is(state.runs, 32)
  gate.resolve()
  const few = sendRaw(edge.port, request.repeat(31), 'GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.equal(
    statusesOf(await few),
    Array.from({ length: 32 }, () => 200),
  )
})

test('answers a request to upgrade or to tunnel without doing so', async () => {
  await using edge = await startEdge()
  const upgrade = 'GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n'
  assert.equal(statusesOf(await sendRaw(edge.port, upgrade)), [200])
  assert.equal(statusesOf(await sendRaw(edge.port, 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n')), [])
  const expect = `${POST}Expect: other\r\nContent-Length: 2\r\n\r\n{}`
  assert.equal(statusesOf(await sendRaw(edge.port, expect, LAST)), [417, 200])
})

test('forgets clients that disconnect at any point of a request', async () => {
  await using edge = await startEdge()
  const whole = `${POST}Content-Length: 2\r\n\r\n{}`
  for (let end = 1; end <= whole.length; end += 7) {
    const socket = net.connect(edge.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.end(whole.slice(0, end))
    socket.resume()
    await new Promise((resolve) => socket.once('close', resolve))
  }
  await until('the endpoint responds', async () => (await fetch(`${edge.url}/health`)).ok)
  assert.not.match(edge.logged(), /"level":"error"/)
})
