import * as assert from 'uvu/assert'
import { createNetworks, isLoopback, isNetwork, toClientNetwork } from '../../daemon/vocabulary/address.ts'
import { createReadAddress } from '../../daemon/http/access/address.ts'
import { respondJson } from '../../daemon/http/respond.ts'
import { problemsOf } from '../helpers/config-problems.ts'
import { makeConfig, request, startEdge, testOperation } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('addresses of clients')

test('an IPv6 address stands for its first 64 bits, an IPv4 address for itself', () => {
  const cases = {
    '203.0.113.7': '203.0.113.7',
    '::ffff:203.0.113.7': '203.0.113.7',
    '::FFFF:203.0.113.7': '203.0.113.7',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:0DB8:0001:0002::1': '2001:db8:1:2::/64',
    '2001:db8:1:2:ffff::': '2001:db8:1:2::/64',
    '2001:db8::1': '2001:db8:0:0::/64',
    '2001:db8:0:0:1::1': '2001:db8:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '::1': '0:0:0:0::/64',
    nonsense: 'nonsense',
    '': '',
  }
  for (const [address, expected] of Object.entries(cases)) assert.is(toClientNetwork(address), expected, address)
})

test('knows the addresses of networks', () => {
  const networks = createNetworks(['10.0.0.0/8', '192.0.2.1', 'fd00::/8', '::1'])
  for (const address of ['10.255.0.1', '192.0.2.1', 'fd12::1', '::1', '::ffff:10.0.0.1'])
    assert.ok(networks.has(address), address)
  for (const address of ['11.0.0.1', '192.0.2.2', 'fe80::1', 'localhost', '', '10.0.0.0/8'])
    assert.not.ok(networks.has(address), address)
  for (const wrong of [
    '10.0.0.0/33',
    '10.0.0/8',
    'fd00::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'a',
    'fe80::1%eth0',
    '',
  ])
    assert.not.ok(isNetwork(wrong), wrong)
  assert.equal([isLoopback('::ffff:127.0.0.1'), isLoopback('128.0.0.1')], [true, false])
  assert.match(
    problemsOf({ ...makeConfig(), routes: undefined, http: { trustProxy: ['10.0.0.0/33'] } })[0] ?? '',
    /^http\.trustProxy\[?\.?0\]?: must be an address or a network/,
  )
})

/** Returns the address that the endpoint takes for that of the client. */
const read = async (trustProxy: readonly string[], forwarded: string | null) => {
  const readAddress = createReadAddress(trustProxy)
  const route = {
    method: 'GET',
    path: '/address',
    operation: testOperation,
    handler: (event: Parameters<typeof readAddress>[0]) => respondJson({ address: readAddress(event) }),
  } as const
  await using edge = await startEdge({ more: [route] })
  const headers: Record<string, string> = forwarded === null ? {} : { 'x-forwarded-for': forwarded }
  return (await request(`${edge.url}/address`, { headers })).body.address
}

test('takes the address from x-forwarded-for only behind a trusted proxy, and only the part that the proxy added', async () => {
  const proxy = ['127.0.0.1', '10.0.0.0/8']
  assert.is(await read([], '203.0.113.7'), '127.0.0.1')
  assert.is(await read(['10.0.0.0/8'], '203.0.113.7'), '127.0.0.1')
  assert.is(await read(proxy, null), '127.0.0.1')
  assert.is(await read(proxy, '203.0.113.7'), '203.0.113.7')
  // the client has sent the first entry itself
  assert.is(await read(proxy, '198.51.100.1, 203.0.113.7'), '203.0.113.7')
  assert.is(await read(proxy, '198.51.100.1, 203.0.113.7, 10.1.1.1 , 10.2.2.2'), '203.0.113.7')
  assert.is(await read(proxy, '203.0.113.7:51000'), '203.0.113.7')
  assert.is(await read(proxy, '[2001:db8::7]:51000'), '2001:db8::7')
  assert.is(await read(proxy, '203.0.113.7, unknown, 10.1.1.1'), '10.1.1.1')
  assert.is(await read(proxy, ''), '127.0.0.1')
  assert.is(await read(proxy, '10.1.1.1,'.repeat(1000)), '127.0.0.1')
  assert.is(await read(proxy, `203.0.113.7${', 10.1.1.1'.repeat(100)}`), '10.1.1.1')
})
