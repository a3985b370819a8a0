import * as assert from 'uvu/assert'
import { bearer, type Authorize, type BearerOptions } from '../../daemon/index.ts'
import { toMessage } from '../../daemon/vocabulary/errors.ts'
import { assertProblem, makeConfig, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('bearer')

const ALICE = 'a'.repeat(32)
const BOB = `${'b'.repeat(40)}~-._+/==`

/** Returns the id of the identity, or the status of the response. */
async function decide(authorize: Authorize, headers: Record<string, string>): Promise<string | number> {
  const decision = await authorize(new Request('http://a/video', { headers }))
  return decision instanceof Response ? decision.status : decision.id
}

const withToken = (token: string) => ({ authorization: `Bearer ${token}` })

function problemOf(options: unknown): string {
  try {
    bearer(options as BearerOptions)
    return ''
  } catch (error) {
    return toMessage(error)
  }
}

test('knows a client by its token, from an object or a list', async () => {
  const list = [
    { token: ALICE, id: 'alice' },
    { token: BOB, id: 'bob' },
  ]
  for (const tokens of [{ [ALICE]: 'alice', [BOB]: 'bob' }, list]) {
    const authorize = bearer({ tokens })
    assert.is(await decide(authorize, withToken(ALICE)), 'alice')
    assert.is(await decide(authorize, withToken(BOB)), 'bob')
    assert.is(await decide(authorize, { authorization: `bearer  ${BOB} ` }), 'bob')
  }
})

test('responds with 401 to every other request', async () => {
  const authorize = bearer({ tokens: { [ALICE]: 'alice' } })
  for (const authorization of [
    `Bearer ${ALICE.slice(1)}`,
    `Bearer ${ALICE}a`,
    `Bearer ${ALICE.toUpperCase()}`,
    `Basic ${ALICE}`,
    ALICE,
    'Bearer',
    'Bearer ',
    '',
    `Bearer ${ALICE}, Bearer ${ALICE}`,
    `Bearer ${ALICE} ${ALICE}`,
    'Bearer __proto__',
  ])
    assert.is(await decide(authorize, { authorization }), 401, authorization)
  assert.is(await decide(authorize, {}), 401)
  assert.is(await decide(authorize, { cookie: `session=${ALICE}` }), 401)
})

test('reads a cookie only when the options name it, and only without the header', async () => {
  const authorize = bearer({ tokens: { [ALICE]: 'alice', [BOB]: 'bob' }, cookie: 'session' })
  assert.is(await decide(authorize, { cookie: `a=1; session=${BOB}; b=2` }), 'bob')
  assert.is(await decide(authorize, { cookie: `session="${ALICE}"` }), 'alice')
  assert.is(await decide(authorize, { ...withToken(ALICE), cookie: `session=${BOB}` }), 'alice')
  assert.is(await decide(authorize, { ...withToken('wrong'), cookie: `session=${BOB}` }), 401)
  assert.is(await decide(authorize, { cookie: `session=${ALICE}; session=${BOB}` }), 401)
  assert.is(await decide(authorize, { cookie: `session=${ALICE}; session=${ALICE}` }), 'alice')
  for (const cookie of ['session', 'session=', `xsession=${ALICE}`, `Session=${ALICE}`, ''])
    assert.is(await decide(authorize, { cookie }), 401, cookie)
})

test('challenges clients as RFC 6750 says, with a problem document', async () => {
  await using edge = await startEdge({
    config: makeConfig({ http: { authorize: bearer({ tokens: { [ALICE]: 'a' } }) } }),
  })
  const without = await request(`${edge.url}/video/x`)
  assertProblem(without, 401, /authorization: Bearer/)
  assert.equal(
    [without.body.code, without.headers.get('www-authenticate')],
    ['request.unauthorized', 'Bearer realm="mediad"'],
  )
  const wrong = await request(`${edge.url}/video/x`, { headers: withToken('x'.repeat(32)) })
  assertProblem(wrong, 401, /not valid/)
  assert.is(wrong.headers.get('www-authenticate'), 'Bearer realm="mediad", error="invalid_token"')
  const right = await request(`${edge.url}/video/x`, { headers: withToken(ALICE) })
  assert.is(right.status, 404)
  assert.not.match(edge.logged(), ALICE)
})

test('rejects options that are not safe, without showing a token', () => {
  const short = 's3cret-'.repeat(4)
  const cases: [unknown, RegExp][] = [
    [{ tokens: {} }, /^bearer: tokens: must have at least one token$/],
    [{}, /^bearer: tokens: is missing/],
    [
      { tokens: { [short]: 'a' } },
      /^bearer: tokens\[0\]\.token: must have 32 to 512 characters, not 28; create one with/,
    ],
    [{ tokens: [{ token: short, id: 'a' }] }, /^bearer: tokens\[0\]\.token: must have 32/],
    [{ tokens: { [`${short} ${short}`]: 'a' } }, /tokens\[0\]\.token: must have letters/],
    [{ tokens: { ['x'.repeat(513)]: 'a' } }, /not 513/],
    [{ tokens: { [ALICE]: '' } }, /^bearer: tokens\[0\]\.id: must not be empty$/],
    [{ tokens: { [ALICE]: 'a\nb' } }, /control characters/],
    [{ tokens: { [ALICE]: 7 } }, /tokens\[0\]\.id: must be text/],
    [
      {
        tokens: [
          { token: ALICE, id: 'a' },
          { token: ALICE, id: 'b' },
        ],
      },
      /^bearer: tokens: has a token twice$/,
    ],
    [{ tokens: { [ALICE]: 'a' }, cookie: 'a b' }, /^bearer: cookie: must be the name of a cookie/],
    [{ tokens: { [ALICE]: 'a' }, cooky: 'a' }, /cooky: unknown option; did you mean "cookie"/],
  ]
  for (const [options, expected] of cases) {
    const problem = problemOf(options)
    assert.match(problem, expected)
    assert.not.match(problem, short)
    assert.not.match(problem, ALICE)
  }
})

test('shows no token that stands in the wrong place', () => {
  const cases: [unknown, RegExp][] = [
    [ALICE, /^bearer: tokens: is missing; must be an object \{ \[token\]: id \} or a list \[\{ token, id \}\]$/],
    [[ALICE], /^bearer: tokens: is missing; [^\n]*$/],
    [undefined, /^bearer: tokens: is missing; [^\n]*$/],
    [{ [ALICE]: 'a' }, /^bearer: tokens: is missing; [^\n]*$/],
    [{ tokens: ALICE }, /^bearer: tokens: must be an object \{ \[token\]: id \} or a list \[\{ token, id \}\]$/],
    [{ tokens: [ALICE] }, /^bearer: tokens\[0\]: must be an object \{ token, id \}$/],
    [{ tokens: [{ [ALICE]: 'a' }] }, /^bearer: tokens\[0\]: must be an object \{ token, id \}$/],
    [{ tokens: [{ token: ALICE, id: 'a', [BOB]: 'b' }] }, /^bearer: tokens\[0\]: must be an object \{ token, id \}$/],
    [{ tokens: { [ALICE]: { id: 'a' } } }, /^bearer: tokens\[0\]\.id: must be text/],
  ]
  for (const [options, expected] of cases) {
    const problem = problemOf(options)
    assert.match(problem, expected)
    assert.not.match(problem, ALICE)
    assert.not.match(problem, 'bbbb')
  }
})

test('reports a missing environment variable by its name', async () => {
  const { env } = await import('../../daemon/index.ts')
  assert.match(problemOf({ tokens: [{ token: env('MEDIAD_TEST_NONE'), id: 'a' }] }), /MEDIAD_TEST_NONE is not set/)
  assert.match(
    problemOf({
      get tokens() {
        return { [env('MEDIAD_TEST_NONE')]: 'a' }
      },
    }),
    /MEDIAD_TEST_NONE is not set/,
  )
})
