import * as assert from 'uvu/assert'
import { createApp } from '../../daemon/http/app.ts'
import { createAccess } from '../../daemon/http/access/authorize.ts'
import { readIdentity } from '../../daemon/http/access/identity.ts'
import type { HttpRoute } from '../../daemon/http/route.ts'
import { respondJson } from '../../daemon/http/respond.ts'
import { startServer } from '../../daemon/http/server.ts'
import { createLog } from '../../daemon/log/log.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import type { Authorize } from '../../daemon/vocabulary/identity.ts'
import { assertProblem, makeConfig, post, request, sendRaw, startEdge, testOperation } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: authorization')

/** A route that responds with the identity of the request, and counts how often it ran. */
function createWhoRoute() {
  const state = { runs: 0 }
  const route: HttpRoute = {
    method: 'GET',
    path: '/who',
    operation: testOperation,
    handler: (event) => {
      state.runs++
      return respondJson({ identity: readIdentity(event) })
    },
  }
  return { state, route }
}

/** Starts the endpoint with a function that authorizes, and a route that shows the identity. */
async function startWith(authorize: Authorize | 'none' | undefined) {
  const { state, route } = createWhoRoute()
  const http = authorize === undefined ? {} : { authorize }
  const edge = await startEdge({ more: [route], config: makeConfig({ http }) })
  return Object.assign(edge, { state, who: (init?: RequestInit) => request(`${edge.url}/who`, init) })
}

const toLogin = () => Response.redirect('https://login.example.com/', 302)
const deny = () => new Response('no', { status: 403, headers: { 'content-type': 'text/plain', 'x-own': '1' } })
const unavailable = () => Promise.reject(new MediadError('transient.authorize', 'cannot fetch the keys of https://idp'))

test('gives the route the identity that the function returns, at once or later', async () => {
  for (const authorize of [() => ({ id: 'Zoë', role: 'admin' }), async () => ({ id: 'Zoë' })]) {
    await using edge = await startWith(authorize)
    const { status, body } = await edge.who()
    assert.equal([status, body], [200, { identity: { id: 'Zoë' } }])
  }
})

test('has no identity without a function', async () => {
  for (const authorize of ['none', undefined] as const) {
    await using edge = await startWith(authorize)
    assert.equal((await edge.who()).body, { identity: null })
  }
})

test('the function gets method, URL and headers, but not the body, which the route reads', async () => {
  const seen: unknown[] = []
  await using edge = await startWith(async (request) => {
    seen.push(request.method, new URL(request.url).pathname, request.headers.get('x-mark'), await request.text())
    return { id: 'a' }
  })
  const { status, body } = await post(edge.url, { filename: 'clip.webm' }, { 'x-mark': '1' })
  assert.is(status, 200)
  assert.match(String(body.key), /clip\.webm$/)
  assert.equal(seen, ['POST', '/video/pre-signed-url', '1', ''])
})

test('responds with the response of the function, with the security headers and without running the route', async () => {
  for (const [authorize, status] of [
    [toLogin, 302],
    [deny, 403],
  ] as const) {
    await using edge = await startWith(authorize)
    for (const path of ['/who', '/none', '/video/x', '/video/pre-signed-url']) {
      const response = await fetch(edge.url + path, { redirect: 'manual' })
      await response.text()
      assert.is(response.status, status, path)
      assert.is(response.headers.get('x-content-type-options'), 'nosniff')
      assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
      if (status === 302) assert.is(response.headers.get('location'), 'https://login.example.com/')
      else assert.is(response.headers.get('x-own'), '1')
    }
    assert.is(edge.state.runs, 0)
  }
})

test('calls the function for every method and path, except for public routes', async () => {
  const calls: string[] = []
  await using edge = await startWith((request) => {
    calls.push(`${request.method} ${new URL(request.url).pathname}`)
    return new Response(null, { status: 401 })
  })
  for (const path of ['/health', '/ready']) assert.is((await request(edge.url + path)).status, 200)
  assert.equal(calls, [])
  for (const [method, path] of [
    ['GET', '/x'],
    ['POST', '/'],
    ['HEAD', '/who'],
    ['DELETE', '/who'],
    ['PUT', '/video/x'],
    ['OPTIONS', '/who'],
    ['POST', '/health'],
    ['GET', '/health/x'],
    ['GET', '//health'],
  ] as const)
    assert.is((await fetch(edge.url + path, { method })).status, 401, `${method} ${path}`)
  assert.is(calls.length, 9)
})

test('a result that is neither an identity nor a response is an error, which the log explains', async () => {
  const results: [unknown, RegExp][] = [
    [undefined, /returned nothing/],
    [null, /returned null/],
    [true, /returned true/],
    ['alice', /returned \\"alice\\"/],
    [{}, /must be text, not undefined/],
    [{ id: 7 }, /must be text, not number/],
    [{ id: '' }, /must not be empty/],
    [{ id: 'a\u0000b' }, /control characters/],
    [{ id: 'a\u0085b' }, /control characters/],
    [{ id: '\uD800' }, /lone surrogates/],
    [{ id: 'é'.repeat(129) }, /at most 256 bytes, not 258/],
    [Response.error(), /has no status/],
  ]
  for (const [result, expected] of results) {
    await using edge = await startWith((() => result) as Authorize)
    assertProblem(await edge.who(), 500)
    assert.match(edge.logged(), expected)
    assert.match(edge.logged(), /"event":"http\.request_failed"/)
    assert.is(edge.state.runs, 0)
  }
  await using edge = await startWith(() => ({ id: 'é'.repeat(128) }))
  assert.is((await edge.who()).status, 200)
})

test('a response that is returned twice is an error', async () => {
  const response = new Response('no', { status: 403 })
  await using edge = await startWith(() => response)
  assert.is((await fetch(`${edge.url}/who`)).status, 403)
  assertProblem(await edge.who(), 500)
  assert.match(edge.logged(), /create one for each request/)
})

test('an error of the function lets nobody in, whatever status it has', async () => {
  const errors = [new Error('boom'), Object.assign(new Error('x'), { status: 200, statusCode: 200 }), 'text', undefined]
  for (const error of errors) {
    for (const authorize of [
      () => Promise.reject(error),
      () =>
        ((): never => {
          throw error
        })(),
    ]) {
      await using edge = await startWith(authorize)
      assertProblem(await edge.who(), 500)
      assert.is(edge.state.runs, 0)
      assert.match(edge.logged(), /"code":"internal\.authorize"/)
    }
  }
})

test('asks to try again when the decision is not possible at present, or takes too long', async () => {
  await using edge = await startWith(unavailable)
  const response = await edge.who()
  assertProblem(response, 503, /Try again/)
  assert.equal([response.body.code, response.headers.get('retry-after')], ['transient.authorize', '5'])
  assert.match(edge.logged(), /cannot fetch the keys/)

  const { state, route } = createWhoRoute()
  const log = createLog({ level: 'silent' })
  const { http } = makeConfig()
  const app = createApp({ routes: [route], http, log })
  app.use(createAccess({ ...http, authorize: () => new Promise(() => {}), timeoutMs: 1, log }))
  const server = await startServer({ app, host: '127.0.0.1', port: 0, log })
  try {
    assertProblem(await request(`${server.url}/who`), 503)
    assert.is(state.runs, 0)
  } finally {
    await server.close()
  }
})

test('rejects a request that cannot be shown to the function', async () => {
  await using edge = await startWith(() => ({ id: 'a' }))
  const end = 'Connection: close\r\n\r\n'
  for (const sent of [`TRACE /who HTTP/1.1\r\nHost: a\r\n${end}`, `GET /who HTTP/1.1\r\nHost: 999.1.1.1\r\n${end}`])
    assert.match(await sendRaw(edge.port, sent), /^HTTP\/1\.1 400 /)
  assert.is(edge.state.runs, 0)
})
