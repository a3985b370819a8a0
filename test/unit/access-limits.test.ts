import * as assert from 'uvu/assert'
import { HTTPError } from 'h3'
import { createLimits } from '../../daemon/http/access/limits.ts'
import type { Authorize } from '../../daemon/vocabulary/identity.ts'
import { assertProblem, makeConfig, post, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('rate limits')

const few = { uploadsPerMinute: 2, requestsPerMinute: 3 }
const byHeader: Authorize = ({ headers }) => {
  const id = headers.get('x-id')
  return id === null ? new Response(null, { status: 401 }) : { id }
}

/** Starts the endpoint with small budgets, behind a trusted proxy: the test says whose requests are sent. */
const startWith = (http: object) =>
  startEdge({ config: makeConfig({ http: { rateLimit: few, trustProxy: ['127.0.0.1'], ...http } }) })

const from = (address: string) => ({ 'x-forwarded-for': address })
const statusesOf = async (count: number, send: () => Promise<{ status: number }>) => {
  const statuses: number[] = []
  for (let n = 0; n < count; n++) statuses.push((await send()).status)
  return statuses
}

test('limits uploads and other requests of an address apart, and says when to try again', async () => {
  await using edge = await startWith({})
  const headers = from('203.0.113.7')
  const get = () => request(`${edge.url}/video/x`, { headers })
  assert.equal(await statusesOf(3, () => post(edge.url, {}, headers)), [200, 200, 429])
  assert.equal(await statusesOf(4, get), [404, 404, 404, 429])
  const refused = await post(edge.url, {}, headers)
  assertProblem(refused, 429, /^Too many uploads\. Try again in \d+ s\.$/)
  assert.is(refused.body.code, 'request.rate_limited')
  const seconds = Number(refused.headers.get('retry-after'))
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds))
  assert.equal(await statusesOf(1, () => post(edge.url, {}, from('203.0.113.8'))), [200])
})

test('limits an identity wherever its requests come from, and clients behind one address apart', async () => {
  await using edge = await startWith({ authorize: byHeader })
  const send = (id: string, address: string) => post(edge.url, {}, { ...from(address), 'x-id': id })
  assert.is((await send('a', '203.0.113.1')).status, 200)
  assert.is((await send('a', '203.0.113.2')).status, 200)
  assert.is((await send('a', '203.0.113.3')).status, 429)
  assert.is((await send('b', '203.0.113.3')).status, 200)
  // an id that looks like an address has a budget of its own
  assert.is((await send('203.0.113.9', '203.0.113.9')).status, 200)
})

test('counts requests without an identity for their address: guesses of tokens are limited, and harm no other client', async () => {
  await using edge = await startWith({ authorize: byHeader })
  const guess = () => request(`${edge.url}/video/x`, { headers: from('203.0.113.7') })
  assert.equal(await statusesOf(5, guess), [401, 401, 401, 429, 429])
  const valid = { ...from('203.0.113.7'), 'x-id': 'a' }
  assert.is((await request(`${edge.url}/video/x`, { headers: valid })).status, 404)
})

test('limits neither programs on this machine without an identity, nor public routes, nor with 0', async () => {
  await using edge = await startWith({})
  assert.equal(await statusesOf(5, () => post(edge.url)), [200, 200, 200, 200, 200])
  const get = () => request(`${edge.url}/health`, { headers: from('203.0.113.7') })
  assert.equal(await statusesOf(5, get), [200, 200, 200, 200, 200])
  await using unlimited = await startWith({ rateLimit: { uploadsPerMinute: 0 } })
  const send = () => post(unlimited.url, {}, from('203.0.113.7'))
  assert.equal(await statusesOf(5, send), [200, 200, 200, 200, 200])
})

test('warns once when requests come through a proxy that is not trusted', async () => {
  await using edge = await startWith({ trustProxy: [] })
  for (let n = 0; n < 3; n++) await request(`${edge.url}/video/x`, { headers: from('203.0.113.7') })
  assert.is(edge.logged().split('"event":"http.proxy_untrusted"').length - 1, 1)
  await using trusted = await startWith({})
  await request(`${trusted.url}/video/x`, { headers: from('203.0.113.7') })
  assert.not.match(trusted.logged(), /proxy_untrusted/)
})

test('further clients share a budget when there are too many, and known ones keep theirs', async () => {
  const limits = createLimits({ uploadsPerMinute: 2, requestsPerMinute: 0 }, 3)
  const take = async (client: string) => {
    try {
      await limits.take('uploads', client)
      return 200
    } catch (error) {
      return (error as HTTPError).status
    }
  }
  for (const client of ['a', 'b', 'c']) assert.is(await take(client), 200)
  assert.equal(await Promise.all(['d', 'e', 'f', 'g'].map(take)), [200, 200, 429, 429])
  assert.equal([await take('a'), await take('a'), await take('b')], [200, 429, 200])
})

test('thousands of addresses without a token do not take the budgets of clients with one', async () => {
  const limits = createLimits({ uploadsPerMinute: 2, requestsPerMinute: 0 }, 3)
  for (let n = 0; n < 8; n++) await limits.take('uploads', `address 2001:db8:0:${n}::/64`).catch(() => {})
  for (const client of ['identity a', 'identity b', 'identity a']) await limits.take('uploads', client)
})
