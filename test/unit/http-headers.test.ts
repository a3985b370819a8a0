import * as assert from 'uvu/assert'
import { HTTPResponse } from 'h3'
import { ask, assertProblem, makeDocument, post, sendRaw, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: methods and headers')

const ID = 'a'.repeat(32)

/** Written out, so that a header that goes missing is noticed. */
const wanted: Record<string, string> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

function assertHeaders(headers: Headers, what: string): void {
  for (const [name, value] of Object.entries(wanted)) assert.is(headers.get(name), value, `${what}: ${name}`)
}

const answerEmpty = () => new HTTPResponse('{}')
const fail = async () => Promise.reject(new Error('broken'))

/** A route whose handler streams for ever, unless it is not started at all. */
function toStream() {
  const state = { starts: 0 }
  const start = () => {
    state.starts++
    return new HTTPResponse(new ReadableStream({ trip: (stream) => stream.enqueue(new Uint8Array([10])) }), {
      headers: { 'content-type': 'text/event-stream' },
    })
  }
  return { state, route: { method: 'GET', path: '/stream', head: false, handler: start } as const }
}

test('HEAD on a GET route answers like GET, without a body', async () => {
  await using edge = await startEdge({ readJob: async (id) => makeDocument(id) })
  for (const path of ['/health', '/ready', `/video/${ID}`, '/video/none', '/none']) {
    const get = await fetch(edge.url + path)
    const head = await fetch(edge.url + path, { method: 'HEAD' })
    assert.ok((await get.text()).length > 0)
    assert.is(await head.text(), '')
    assert.is(head.status, get.status, path)
    assert.is(head.headers.get('content-type'), get.headers.get('content-type'), path)
    assertHeaders(head.headers, `HEAD ${path}`)
  }
})

test('a route that opted out of HEAD answers it with 405, and its handler is not started', async () => {
  const { state, route } = toStream()
  await using edge = await startEdge({ more: [route] })
  for (const method of ['HEAD', 'POST']) {
    const answer = await ask(`${edge.url}/stream`, { method })
    assert.equal([answer.status, answer.headers.get('allow')], [405, 'GET'])
    assertHeaders(answer.headers, `${method} /stream`)
    if (method === 'HEAD') assert.is(answer.text, '')
    else assertProblem(answer, 405, /^Use GET here\.$/)
  }
  assert.is(state.starts, 0)
  const stream = await fetch(`${edge.url}/stream`)
  assert.equal([stream.status, stream.headers.get('content-type'), state.starts], [200, 'text/event-stream', 1])
  assertHeaders(stream.headers, 'GET /stream')
  await stream.body?.cancel()
})

test('a path with several methods allows all of them', async () => {
  const more = (['GET', 'POST'] as const).map((method) => ({ method, path: '/both', handler: answerEmpty }) as const)
  await using edge = await startEdge({ more })
  for (const { method } of more) assert.is((await ask(`${edge.url}/both`, { method })).status, 200)
  const answer = await ask(`${edge.url}/both`, { method: 'DELETE' })
  assert.equal([answer.status, answer.headers.get('allow')], [405, 'GET, HEAD, POST'])
})

test('every answer carries the security headers, refusals and errors included', async () => {
  await using edge = await startEdge({ readJob: fail, isReady: async () => ({ ready: false, checks: {} }) })
  const answers = [
    [200, await post(edge.url)],
    [200, await ask(`${edge.url}/health`)],
    [400, await post(edge.url, '{')],
    [404, await ask(`${edge.url}/none`)],
    [404, await ask(`${edge.url}/%zz`)],
    [405, await ask(`${edge.url}/health`, { method: 'DELETE' })],
    [405, await ask(`${edge.url}/health`, { method: 'OPTIONS', headers: { origin: 'http://a' } })],
    [413, await post(edge.url, 'x'.repeat(20_000))],
    [415, await post(edge.url, { contentType: 'text/html' })],
    [500, await ask(`${edge.url}/video/${ID}`)],
    [503, await ask(`${edge.url}/ready`)],
  ] as const
  for (const [status, answer] of answers) {
    assert.is(answer.status, status)
    assertHeaders(answer.headers, String(status))
    assert.match(answer.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
    assert.is(answer.headers.get('access-control-allow-origin'), null)
  }
})

test('what Node refuses before it is a request carries the security headers as well', async () => {
  await using edge = await startEdge()
  const long = `GET /health HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`
  for (const [sent, status] of [
    ['hello\r\n\r\n', 400],
    [long, 431],
  ] as const) {
    const [head = ''] = (await sendRaw(edge.port, sent)).split('\r\n\r\n')
    const [first = '', ...lines] = head.split('\r\n')
    assert.match(first, `HTTP/1.1 ${status} `)
    assertHeaders(
      new Headers(lines.map((line): [string, string] => [line.split(': ')[0] ?? '', line.split(': ')[1] ?? ''])),
      first,
    )
  }
})
