import * as assert from 'uvu/assert'
import { checkConfig } from '../../daemon/config/check.ts'
import { toMessage } from '../../daemon/vocabulary/errors.ts'
import { makeConfig, post, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: CORS')

const ORIGIN = 'https://app.example.com'
const config = makeConfig({ http: { cors: [ORIGIN, 'http://localhost:5173'] } })
const preflight = (url: string, origin: string) =>
  request(`${url}/video/pre-signed-url`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
  })
const corsHeaders = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith('access-control-'))

test('lets pages of the configured origins read responses, errors included', async () => {
  await using edge = await startEdge({ config })
  const responses = [
    await post(edge.url, {}, { origin: ORIGIN }),
    await request(`${edge.url}/video/none`, { headers: { origin: ORIGIN } }),
  ]
  assert.equal(
    responses.map(({ status, headers }) => [status, headers.get('access-control-allow-origin'), headers.get('vary')]),
    [
      [200, ORIGIN, 'origin'],
      [404, ORIGIN, 'origin'],
    ],
  )
  assert.is(responses[0]?.headers.get('access-control-expose-headers'), 'retry-after, x-request-id')
  assert.is(responses[0]?.headers.get('access-control-allow-credentials'), null)
})

test('answers the preflight of a configured origin, with the headers of every response', async () => {
  await using edge = await startEdge({ config })
  const { status, headers, text } = await preflight(edge.url, 'http://localhost:5173')
  assert.equal([status, text], [204, ''])
  assert.is(headers.get('access-control-allow-origin'), 'http://localhost:5173')
  assert.is(headers.get('access-control-allow-methods'), 'GET, HEAD, POST, DELETE')
  assert.is(headers.get('access-control-allow-headers'), 'authorization, content-type, last-event-id')
  assert.is(headers.get('x-content-type-options'), 'nosniff')
})

test('sends no CORS headers to other origins; their preflight is not answered', async () => {
  await using edge = await startEdge({ config })
  for (const origin of ['https://evil.example.com', `${ORIGIN}.evil.com`, 'null', ORIGIN.toUpperCase()]) {
    const { status, headers } = await preflight(edge.url, origin)
    assert.equal([status, corsHeaders(headers), headers.get('vary')], [405, [], 'origin'])
    assert.equal(corsHeaders((await post(edge.url, {}, { origin })).headers), [])
  }
})

test('is off by default', async () => {
  await using edge = await startEdge()
  const { status, headers } = await preflight(edge.url, ORIGIN)
  assert.equal([status, corsHeaders(headers), headers.get('vary')], [405, [], null])
})

test('OPTIONS without a preflight gets 405 like any other method', async () => {
  await using edge = await startEdge({ config })
  const { status } = await request(`${edge.url}/health`, { method: 'OPTIONS', headers: { origin: ORIGIN } })
  assert.is(status, 405)
})

test('rejects what browsers never send as an origin', () => {
  for (const wrong of [
    '*',
    'app.example.com',
    'https://app.example.com/',
    'https://App.example.com',
    'ftp://a',
    'null',
  ]) {
    try {
      checkConfig({ ...makeConfig(), routes: undefined, http: { cors: [wrong] } }, 'media.config.ts')
      assert.unreachable(wrong)
    } catch (error) {
      assert.match(toMessage(error), /http\.cors(?:\[0\]|\.0): must be a web origin/, wrong)
    }
  }
})
