import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK } from 'jose'
import * as assert from 'uvu/assert'
import { jwt, type JwtOptions } from '../../daemon/index.ts'
import { MediadError, toMessage } from '../../daemon/vocabulary/errors.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('jwt')

const SECRET = 'a secret of more than 32 bytes, for tests'
const from = { audience: 'mediad', issuer: 'https://idp.example.com' } as const
const now = () => Math.floor(Date.now() / 1000)

type Signing = { key: CryptoKey | Uint8Array; alg: string; kid?: string }
const hmac: Signing = { key: new TextEncoder().encode(SECRET), alg: 'HS256' }

/** Signs a token that the default options accept, with `change` applied to its claims. */
async function sign({ key, alg, kid }: Signing, change: Record<string, unknown> = {}): Promise<string> {
  const claims = { sub: 'alice', aud: from.audience, iss: from.issuer, exp: now() + 60, ...change }
  return await new SignJWT(claims).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key)
}

async function createKey(alg: string, kid: string): Promise<{ signing: Signing; jwk: JWK }> {
  const { publicKey, privateKey } = await generateKeyPair(alg)
  return { signing: { key: privateKey, alg, kid }, jwk: { ...(await exportJWK(publicKey)), kid } }
}

/** Returns the id of the identity, or the detail of the 401. */
async function decide(options: JwtOptions | ReturnType<typeof jwt>, token: string): Promise<string> {
  const authorize = typeof options === 'function' ? options : jwt(options)
  const decision = await authorize(new Request('http://a/', { headers: { authorization: `Bearer ${token}` } }))
  if (!(decision instanceof Response)) return decision.id
  assert.is(decision.status, 401)
  assert.match(decision.headers.get('www-authenticate') ?? '', /^Bearer realm="mediad"/)
  return ((await decision.json()) as { detail: string }).detail
}

test('accepts tokens that are signed with the secret, and takes the id from the claim sub', async () => {
  const options = { ...from, secret: SECRET }
  assert.is(await decide(options, await sign(hmac)), 'alice')
  assert.is(await decide(options, await sign(hmac, { aud: ['other', 'mediad'] })), 'alice')
  const authorize = jwt({ ...options, cookie: 'session' })
  const cookie = `session=${await sign(hmac, { sub: 'bob' })}`
  assert.equal(await authorize(new Request('http://a/', { headers: { cookie } })), { id: 'bob' })
  const without = await authorize(new Request('http://a/'))
  assert.ok(without instanceof Response && without.status === 401)
})

test('rejects tokens of others, expired ones, and those without an expiry', async () => {
  const options = { ...from, secret: SECRET }
  const other = { key: new TextEncoder().encode(`${SECRET}!`), alg: 'HS256' }
  const cases: [string, RegExp][] = [
    [await sign(hmac, { exp: now() - 60 }), /has expired/],
    [await sign(hmac, { exp: undefined }), /claim "exp"/],
    [await sign(hmac, { nbf: now() + 60 }), /claim "nbf"/],
    [await sign(hmac, { aud: 'other' }), /claim "aud"/],
    [await sign(hmac, { aud: undefined }), /claim "aud"/],
    [await sign(hmac, { iss: 'https://evil.example.com' }), /claim "iss"/],
    [await sign(hmac, { sub: undefined }), /claim "sub" of the token must be text/],
    [await sign(hmac, { sub: 'a\nb' }), /claim "sub" of the token must not contain control/],
    [await sign(other), /^The token is not valid\.$/],
    [`${(await sign(hmac)).slice(0, -2)}AA`, /^The token is not valid\.$/],
    [
      new UnsecuredJWT({ sub: 'alice', aud: from.audience, iss: from.issuer, exp: now() + 60 }).encode(),
      /not valid|no token/,
    ],
    ['a.b.c', /not valid/],
    ['abc', /not valid/],
  ]
  for (const [token, expected] of cases) assert.match(await decide(options, token), expected)
})

test('tolerates a difference of the clocks, and takes any audience and issuer only when told so', async () => {
  const token = await sign(hmac, { exp: now() - 20 })
  assert.match(await decide({ ...from, secret: SECRET }, token), /expired/)
  assert.is(await decide({ ...from, secret: SECRET, clockToleranceSeconds: 60 }, token), 'alice')
  const open = { secret: SECRET, audience: null, issuer: null }
  assert.is(await decide(open, await sign(hmac, { aud: undefined, iss: undefined })), 'alice')
  const several = { secret: SECRET, audience: ['x', 'y'], issuer: ['https://a', 'https://b'] }
  assert.is(await decide(several, await sign(hmac, { aud: 'y', iss: 'https://b' })), 'alice')
})

test('takes the id from another claim, or from a function', async () => {
  const token = await sign(hmac, { account: 42, sub: 'alice' })
  assert.is(await decide({ ...from, secret: SECRET, id: 'account' }, token), '42')
  assert.is(
    await decide({ ...from, secret: SECRET, id: ({ iss, sub }) => `${String(iss)} ${String(sub)}` }, token),
    'https://idp.example.com alice',
  )
})

test('accepts the algorithms of the key, and no others', async () => {
  const keys = await Promise.all([createKey('RS256', 'r'), createKey('ES256', 'e'), createKey('EdDSA', 'd')])
  const authorize = jwt({ ...from, jwks: { keys: keys.map(({ jwk }) => jwk) } })
  for (const { signing } of keys) assert.is(await decide(authorize, await sign(signing)), 'alice')
  // the public key as the secret of HMAC: the classic confusion of algorithms
  const publicKey = new TextEncoder().encode(JSON.stringify(keys[0]?.jwk))
  assert.match(await decide(authorize, await sign({ key: publicKey, alg: 'HS256', kid: 'r' })), /not valid/)
  const stranger = await createKey('RS256', 'r')
  assert.match(await decide(authorize, await sign(stranger.signing)), /not valid/)
  const unknown = await createKey('RS256', 'unknown')
  assert.match(await decide(authorize, await sign(unknown.signing)), /not valid/)
  // a secret of 32 bytes is too short for HS512
  const short = 'x'.repeat(32)
  const long = { key: new TextEncoder().encode(short), alg: 'HS512' }
  assert.match(await decide({ ...from, secret: short }, await sign(long)), /not valid/)
})

test('tries every key for a token that does not name its own', async () => {
  const keys = await Promise.all([createKey('ES256', 'a'), createKey('ES256', 'b')])
  const authorize = jwt({ ...from, jwks: { keys: keys.map(({ jwk }) => jwk) } })
  for (const { signing } of keys) {
    const { kid: _, ...anonymous } = signing
    assert.is(await decide(authorize, await sign(anonymous)), 'alice')
    assert.match(await decide(authorize, await sign(anonymous, { exp: now() - 60 })), /expired/)
  }
  const { kid: _, ...stranger } = (await createKey('ES256', 'c')).signing
  assert.match(await decide(authorize, await sign(stranger)), /not valid/)
})

/** Serves a key set, and counts the requests. */
async function startIssuer(keys: readonly JWK[]) {
  const state = { keys, requests: 0, status: 200 }
  const server = createServer((_, response) => {
    state.requests++
    response.writeHead(state.status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: state.keys }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections()))
  return Object.assign(state, {
    jwks: `http://127.0.0.1:${port}/keys`,
    [Symbol.asyncDispose]: async () => void (await close()),
  })
}

test('fetches the keys of an issuer once for all tokens, also for tokens with unknown keys', async () => {
  const { signing, jwk } = await createKey('ES256', 'one')
  await using issuer = await startIssuer([jwk])
  const authorize = jwt({ ...from, jwks: issuer.jwks })
  const tokens = await Promise.all(Array.from({ length: 5 }, () => sign(signing)))
  assert.equal(new Set(await Promise.all(tokens.map((token) => decide(authorize, token)))), new Set(['alice']))
  const unknown = (await createKey('ES256', 'two')).signing
  for (let n = 0; n < 5; n++) assert.match(await decide(authorize, await sign(unknown)), /not valid/)
  assert.is(issuer.requests, 1)
})

test('cannot decide while the keys were never fetched, and does not ask for every request', async () => {
  const { signing, jwk } = await createKey('ES256', 'one')
  await using issuer = await startIssuer([jwk])
  issuer.status = 500
  const authorize = jwt({ ...from, jwks: issuer.jwks })
  for (let n = 0; n < 3; n++) {
    const error = await decide(authorize, await sign(signing)).catch((thrown: unknown) => thrown)
    assert.instance(error, MediadError)
    assert.is((error as MediadError).code, 'transient.authorize')
    assert.match(toMessage(error), /^cannot fetch the keys of http:\/\/127\.0\.0\.1:\d+\/keys: /)
  }
  assert.is(issuer.requests, 1)
})

test('rejects options that are not safe', async () => {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const keys = [await exportJWK(privateKey)]
  const cases: [object, RegExp][] = [
    [{ ...from }, /^jwt: jwks: set either jwks or secret$/],
    [{ ...from, secret: SECRET, jwks: 'https://idp.example.com/keys' }, /set either/],
    [{ ...from, secret: 'short' }, /^jwt: secret: must have at least 32 bytes/],
    [{ ...from, jwks: 'http://idp.example.com/keys' }, /^jwt: jwks: must be an https URL/],
    [{ ...from, jwks: 'keys.json' }, /must be an https URL/],
    [{ ...from, jwks: { keys: [] } }, /must be an https URL/],
    [{ ...from, jwks: { keys } }, /with public keys/],
    [{ ...from, jwks: { keys: [{ kty: 'oct', k: 'AA' }] } }, /with public keys/],
    [{ secret: SECRET, issuer: 'a' }, /^jwt: audience: /],
    [{ secret: SECRET, audience: 'a' }, /^jwt: issuer: /],
    [{ ...from, secret: SECRET, audience: [] }, /audience/],
    [{ ...from, secret: SECRET, id: '' }, /^jwt: id: /],
    [{ ...from, secret: SECRET, clockToleranceSeconds: 3600 }, /clockToleranceSeconds/],
    [{ ...from, secret: SECRET, algorithms: ['none'] }, /algorithms: unknown option/],
  ]
  for (const [options, expected] of cases) {
    try {
      jwt(options as JwtOptions)
      assert.unreachable(String(expected))
    } catch (error) {
      assert.match(toMessage(error), expected)
      assert.not.match(toMessage(error), SECRET)
    }
  }
  assert.type(jwt({ ...from, jwks: 'http://[::1]:8080/keys' }), 'function')
  assert.type(jwt({ ...from, jwks: new URL('https://idp.example.com/keys') }), 'function')
})
