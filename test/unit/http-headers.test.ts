import * as assert from 'uvu/assert'
import { HTTPResponse } from 'h3'
import { request, assertProblem, makeDocument, post, sendRaw, startEdge, testOperation } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: methods and headers')

const ID = 'a'.repeat(32)

/** Repeated here, so that the test fails when a header is removed from the code. */
const expected: Record<string, string> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

function assertHeaders(headers: Headers, what: string): void {
  for (const [name, value] of Object.entries(expected)) assert.is(headers.get(name), value, `${what}: ${name}`)
}

const respondEmpty = () => new HTTPResponse('{}')
const fail = async () => Promise.reject(new Error('broken'))

/** Creates a route with an endless stream, and counts the starts of its handler. */
function createStreamRoute() {
  const state = { starts: 0 }
  const start = () => {
    state.starts++
    return new HTTPResponse(
      new ReadableStream({ type: 'bytes', pull: (stream) => stream.enqueue(new Uint8Array([10])) }),
      {
        headers: { 'content-type': 'text/event-stream' },
      },
    )
  }
  return {
    state,
    route: { method: 'GET', path: '/stream', operation: testOperation, head: false, handler: start } as const,
  }
}

test('responds to HEAD on a GET route like to GET, without a body', async () => {
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

test('responds to HEAD on a route that opted out with 405, without starting its handler', async () => {
  const { state, route } = createStreamRoute()
  await using edge = await startEdge({ more: [route] })
  for (const method of ['HEAD', 'POST']) {
    const response = await request(`${edge.url}/stream`, { method })
    assert.equal([response.status, response.headers.get('allow')], [405, 'GET'])
    assertHeaders(response.headers, `${method} /stream`)
    if (method === 'HEAD') assert.is(response.text, '')
    else assertProblem(response, 405, /^Allowed methods: GET\.$/)
  }
  assert.is(state.starts, 0)
  const stream = await fetch(`${edge.url}/stream`)
  assert.equal([stream.status, stream.headers.get('content-type'), state.starts], [200, 'text/event-stream', 1])
  assertHeaders(stream.headers, 'GET /stream')
  await stream.body?.cancel()
})

test('lists all methods of a path as allowed', async () => {
  const more = (['GET', 'POST'] as const).map(
    (method) => ({ method, path: '/both', operation: testOperation, handler: respondEmpty }) as const,
  )
  await using edge = await startEdge({ more })
  for (const { method } of more) assert.is((await request(`${edge.url}/both`, { method })).status, 200)
  const response = await request(`${edge.url}/both`, { method: 'DELETE' })
  assert.equal([response.status, response.headers.get('allow')], [405, 'GET, HEAD, POST'])
})

test('sends the security headers with every response, errors included', async () => {
  await using edge = await startEdge({ readJob: fail, isReady: async () => ({ ready: false, checks: {} }) })
  const responses = [
    [200, await post(edge.url)],
    [200, await request(`${edge.url}/health`)],
    [400, await post(edge.url, '{')],
    [404, await request(`${edge.url}/none`)],
    [404, await request(`${edge.url}/%zz`)],
    [405, await request(`${edge.url}/health`, { method: 'DELETE' })],
    [405, await request(`${edge.url}/health`, { method: 'OPTIONS', headers: { origin: 'http://a' } })],
    [413, await post(edge.url, 'x'.repeat(20_000))],
    [415, await post(edge.url, { contentType: 'text/html' })],
    [500, await request(`${edge.url}/video/${ID}`)],
    [503, await request(`${edge.url}/ready`)],
  ] as const
  for (const [status, response] of responses) {
    assert.is(response.status, status)
    assertHeaders(response.headers, String(status))
    assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
    assert.is(response.headers.get('access-control-allow-origin'), null)
  }
})

test('sends the security headers with the response to a request that Node rejects', async () => {
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
