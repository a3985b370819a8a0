import * as assert from 'uvu/assert'
import { assertProblem, makeConfig, post, request, sendRaw, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('requests of other sites')

const APP = 'https://app.example.com'

const read = (edge: { port: number }, host: string, path = '/videos') =>
  sendRaw(edge.port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)

test('rejects requests that change something and come from pages of other origins', async () => {
  let calls = 0
  const authorize = () => ({ id: String(calls++) })
  await using edge = await startEdge({ config: makeConfig({ http: { cors: [APP], authorize } }) })
  for (const headers of [
    { origin: 'https://evil.example.com' },
    { origin: 'null' },
    { origin: `${APP}.evil.com` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: 'https://other.example.com' },
    { 'sec-fetch-site': 'cross-site', origin: edge.url },
    { 'sec-fetch-site': 'nonsense' },
  ] as Record<string, string>[]) {
    const response = await post(edge.url, {}, headers)
    assertProblem(response, 403, /http\.cors/)
    assert.is(response.body.code, 'request.cross_site')
    for (const method of ['DELETE', 'PUT'])
      assert.is((await request(`${edge.url}/video/x`, { method, headers })).status, 403, method)
  }
  assert.is(calls, 0)
})

test('lets the endpoint’s own pages, listed origins and programs send them', async () => {
  await using edge = await startEdge({ config: makeConfig({ http: { cors: [APP], authorize: 'none' } }) })
  for (const headers of [
    {},
    { origin: APP },
    { origin: APP, 'sec-fetch-site': 'cross-site' },
    { origin: edge.url },
    { origin: edge.url, 'sec-fetch-site': 'same-origin' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ] as Record<string, string>[])
    assert.is((await post(edge.url, {}, headers)).status, 200, JSON.stringify(headers))
  // behind a proxy that passes the host of its own
  const behind = `POST /video/pre-signed-url HTTP/1.1\r\nHost: media.example.com\r\nOrigin: https://media.example.com\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
  assert.match(await sendRaw(edge.port, behind), /^HTTP\/1\.1 200 /)
})

test('lets pages of other origins send requests that only read, whose responses the browser keeps from them', async () => {
  await using edge = await startEdge()
  const headers = { origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' }
  const response = await request(`${edge.url}/health`, { headers })
  assert.is(response.status, 200)
  assert.equal(
    ['access-control-allow-origin', 'cross-origin-resource-policy'].map((name) => response.headers.get(name)),
    [null, 'same-origin'],
  )
})

test('a page whose own name points to this machine cannot use an endpoint that is open to every program on it', async () => {
  await using open = await startEdge()
  for (const host of [
    'rebound.example.com',
    'Rebound.Example.com:3000',
    'localhost.evil.com',
    '127.0.0.1.nip.io',
    'rebound.example.com.:3000',
    're_bound.example.com',
    'rebound.example.com:',
  ])
    assert.match(await read(open, host), /^HTTP\/1\.1 403 [^]*request\.host/, host)
  for (const host of [
    'localhost:3000',
    'LOCALHOST',
    'app.localhost',
    '127.0.0.1:3000',
    '[::1]:3000',
    'mediad',
    '10.0.0.1',
  ])
    assert.match(await read(open, host), /^HTTP\/1\.1 200 /, host)
  assert.match(await read(open, 'rebound.example.com', '/health'), /^HTTP\/1\.1 200 /)
  for (const authorize of ['none', () => ({ id: 'a' })] as const) {
    await using edge = await startEdge({ config: makeConfig({ http: { authorize } }) })
    assert.match(await read(edge, 'media.example.com'), /^HTTP\/1\.1 200 /)
  }
})
