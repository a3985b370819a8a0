import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { ask, assertProblem, makeDocument, post, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: answers')

const ID = 'a'.repeat(32)

test('a job shows its public part and nothing else', async () => {
  await using edge = await startEdge({ readJob: async (id) => (id === ID ? makeDocument(ID) : null) })
  const { status, body, text, headers } = await ask(`${edge.url}/video/${ID}`)
  assert.is(status, 200)
  assert.equal(body, {
    id: ID,
    state: 'failed',
    attempt: 2,
    progress: { plugin: 'transcode', percent: 40 },
    source: { key: 'origin_a.mp4', sizeBytes: 10 },
    outputs: [{ key: 'cvted_a.mp4', kind: 'video', contentType: 'video/mp4', sizeBytes: 5, etag: 'e2', seconds: 1 }],
    warnings: [],
    error: { code: 'internal.ffmpeg', message: 'ffmpeg failed' },
    timings: { startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, plugins: [] },
  })
  assert.not.match(text, /owner|nonce|rev|claim|stderr|secret|host-1/)
  assert.is(headers.get('cache-control'), 'no-store')
})

test('a job without an error says null', async () => {
  await using edge = await startEdge({ readJob: async (id) => makeDocument(id, { error: null, state: 'succeeded' }) })
  assert.is((await ask(`${edge.url}/video/${ID}`)).body.error, null)
})

test('unknown and malformed ids get the same answer, and malformed ones ask nobody', async () => {
  const asked: string[] = []
  await using edge = await startEdge({ readJob: async (id) => (asked.push(id), null) })
  const unknown = await ask(`${edge.url}/video/${ID}`)
  assertProblem(unknown, 404)
  for (const id of [
    'x',
    ID.toUpperCase(),
    `${ID}0`,
    `${ID}%00`,
    '%00',
    '%zz',
    '%E0%A4',
    '..%2f..%2fetc',
    '__proto__',
    'constructor',
    '%2e%2e%2fstate',
    `${ID}.json`,
    '😀',
    '*',
    'pre-signed-urls',
  ]) {
    const malformed = await ask(`${edge.url}/video/${id}`)
    assert.is(malformed.text, unknown.text, id)
    assert.is(malformed.status, 404)
  }
  assert.equal(asked, [ID])
})

test('health answers at once, readiness with each dependency', async () => {
  let ready = true
  const isReady = async () => ({ ready, checks: { bucket: 'ok', work: ready ? 'ok' : 'unreachable' } })
  await using edge = await startEdge({ isReady })
  assert.equal((await ask(`${edge.url}/health`)).body, { status: 'ok' })
  const up = await ask(`${edge.url}/ready`)
  assert.equal([up.status, up.body], [200, { status: 'ready', checks: { bucket: 'ok', work: 'ok' } }])
  ready = false
  const down = await ask(`${edge.url}/ready`)
  assert.equal(
    [down.status, down.body],
    [503, { status: 'unavailable', checks: { bucket: 'ok', work: 'unreachable' } }],
  )
})

test('everything else is 404, the wrong method 405 with what is allowed', async () => {
  await using edge = await startEdge()
  for (const path of ['/', '/video', '/video/a/b', '/healthz', '/__proto__', '/video%2f', '/%zz', '/?health'])
    assertProblem(await ask(edge.url + path), 404)
  const wrong: [string, string, string][] = [
    ['GET', '/video/pre-signed-url', 'POST'],
    ['PUT', '/video/pre-signed-url', 'POST'],
    ['POST', `/video/${ID}`, 'GET, HEAD'],
    ['DELETE', `/video/${ID}`, 'GET, HEAD'],
    ['POST', '/health', 'GET, HEAD'],
    ['OPTIONS', '/ready', 'GET, HEAD'],
    ['PROPFIND', '/health', 'GET, HEAD'],
  ]
  for (const [method, path, allow] of wrong) {
    const answer = await ask(edge.url + path, { method })
    assertProblem(answer, 405)
    assert.is(answer.headers.get('allow'), allow)
  }
  const head = await fetch(`${edge.url}/health`, { method: 'HEAD' })
  assert.equal([head.status, await head.text()], [200, ''])
})

test('internals stay inside: 500 without a word of it, logged under the id of the answer', async () => {
  const failure = Object.assign(new Error('no credentials in /home/secret/.aws'), {
    statusCode: 403,
    status: 403,
    data: { secret: 1 },
    headers: { 'x-secret': '1' },
  })
  const fail = async () => Promise.reject(failure)
  await using edge = await startEdge({ presign: fail, readJob: fail, isReady: fail })
  for (const answer of [await post(edge.url), await ask(`${edge.url}/video/${ID}`), await ask(`${edge.url}/ready`)]) {
    assertProblem(answer, 500)
    assert.is(answer.body.title, 'Internal error')
    const requestId = String(answer.headers.get('x-request-id'))
    // the id is random, and may have any digits
    const said = (answer.text + JSON.stringify([...answer.headers])).replaceAll(requestId, '')
    assert.not.match(said, /secret|credentials|403/)
    const entry = edge
      .logged()
      .split('\n')
      .find((line) => line.includes(requestId) && line.includes('"level":"error"'))
    assert.match(entry ?? '', /no credentials/)
  }
})

test('errors that look like answers, and things that are no errors, are internal too', async () => {
  for (const thrown of [
    new MediadError('internal.document', 'secret'),
    'secret',
    null,
    undefined,
    { status: 404, message: 'secret' },
  ]) {
    await using edge = await startEdge({ readJob: async () => Promise.reject(thrown) })
    const answer = await ask(`${edge.url}/video/${ID}`)
    assertProblem(answer, 500)
    assert.not.match(answer.text, /secret/)
  }
})

test('a storage that does not answer is 503: it may be tried again', async () => {
  await using edge = await startEdge({
    readJob: async () => Promise.reject(new MediadError('transient.storage', 'secret endpoint')),
  })
  const answer = await ask(`${edge.url}/video/${ID}`)
  assertProblem(answer, 503)
  assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
  assert.not.match(answer.text, /secret/)
})

test('every request is in the debug log, without its query', async () => {
  await using edge = await startEdge()
  await ask(`${edge.url}/nothing?token=abc123`)
  const entry = edge
    .logged()
    .split('\n')
    .map((line) => JSON.parse(line || '{}') as Record<string, unknown>)
    .find(({ path }) => path === '/nothing')
  assert.equal([entry?.level, entry?.method, entry?.status], ['debug', 'GET', 404])
  assert.not.match(edge.logged(), /abc123/)
})

test('a slow request holds up no other', async () => {
  const slow = Promise.withResolvers<null>()
  await using edge = await startEdge({ readJob: () => slow.promise })
  const waiting = ask(`${edge.url}/video/${ID}`)
  for (let n = 0; n < 5; n++) assert.is((await ask(`${edge.url}/health`)).status, 200)
  slow.resolve(null)
  assert.is((await waiting).status, 404)
})
