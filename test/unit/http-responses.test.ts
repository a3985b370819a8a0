import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { assertProblem, makeConfig, makeDocument, post, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: responses')

const ID = 'a'.repeat(32)

test('returns only the public part of a job', async () => {
  await using edge = await startEdge({ readJob: async (id) => (id === ID ? makeDocument(ID) : null) })
  const { status, body, text, headers } = await request(`${edge.url}/video/${ID}`)
  assert.is(status, 200)
  assert.equal(body, {
    id: ID,
    state: 'failed',
    attempt: 2,
    progress: { plugin: 'transcode', percent: 40 },
    source: { key: 'origin_a.mp4', sizeBytes: 10 },
    outputs: [{ key: 'cvted_a.mp4', kind: 'video', contentType: 'video/mp4', sizeBytes: 5, etag: 'e2', seconds: 1 }],
    warnings: [],
    error: { code: 'internal.ffmpeg', message: 'ffmpeg failed', plugin: 'transcode' },
    timings: { startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, plugins: [] },
  })
  assert.not.match(text, /owner|nonce|rev|claim|stderr|secret|host-1/)
  assert.is(headers.get('cache-control'), 'no-store')
})

test('returns null as the error of a job without one', async () => {
  await using edge = await startEdge({ readJob: async (id) => makeDocument(id, { error: null, state: 'succeeded' }) })
  assert.is((await request(`${edge.url}/video/${ID}`)).body.error, null)
})

test('responds to unknown and malformed ids alike, without a read for malformed ones', async () => {
  const reads: string[] = []
  await using edge = await startEdge({ readJob: async (id) => (reads.push(id), null) })
  const unknown = await request(`${edge.url}/video/${ID}`)
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
    const malformed = await request(`${edge.url}/video/${id}`)
    assert.is(malformed.text, unknown.text, id)
    assert.is(malformed.status, 404)
  }
  assert.equal(reads, [ID])
})

test('reports health without checks, and readiness with each dependency', async () => {
  let ready = true
  const isReady = async () => ({ ready, checks: { bucket: 'ok', work: ready ? 'ok' : 'unreachable' } })
  await using edge = await startEdge({ isReady })
  assert.equal((await request(`${edge.url}/health`)).body, { status: 'ok' })
  const up = await request(`${edge.url}/ready`)
  assert.equal([up.status, up.body], [200, { status: 'ready', checks: { bucket: 'ok', work: 'ok' } }])
  ready = false
  const down = await request(`${edge.url}/ready`)
  assert.equal(
    [down.status, down.body],
    [503, { status: 'unavailable', checks: { bucket: 'ok', work: 'unreachable' } }],
  )
})

test('returns 404 for other paths, and 405 with the allowed methods for other methods', async () => {
  await using edge = await startEdge({ config: makeConfig({ http: { page: false } }) })
  for (const path of [
    '/',
    '/page',
    '/videos/a',
    '/video/a/b',
    '/healthz',
    '/__proto__',
    '/video%2f',
    '/%zz',
    '/?health',
  ])
    assertProblem(await request(edge.url + path), 404)
  const wrong: [string, string, string][] = [
    ['GET', '/video/pre-signed-url', 'POST'],
    ['PUT', '/video/pre-signed-url', 'POST'],
    ['POST', '/video', 'GET, HEAD'],
    ['POST', `/video/${ID}`, 'GET, HEAD'],
    ['DELETE', `/video/${ID}`, 'GET, HEAD'],
    ['POST', '/health', 'GET, HEAD'],
    ['OPTIONS', '/ready', 'GET, HEAD'],
    ['PROPFIND', '/health', 'GET, HEAD'],
  ]
  for (const [method, path, allow] of wrong) {
    const response = await request(edge.url + path, { method })
    assertProblem(response, 405)
    assert.is(response.headers.get('allow'), allow)
  }
  const head = await fetch(`${edge.url}/health`, { method: 'HEAD' })
  assert.equal([head.status, await head.text()], [200, ''])
})

test('hides the details of an internal error behind 500, and logs them under the request id', async () => {
  const failure = Object.assign(new Error('no credentials in /home/secret/.aws'), {
    statusCode: 403,
    status: 403,
    data: { secret: 1 },
    headers: { 'x-secret': '1' },
  })
  const fail = async () => Promise.reject(failure)
  await using edge = await startEdge({ presign: fail, readJob: fail, isReady: fail })
  for (const response of [
    await post(edge.url),
    await request(`${edge.url}/video/${ID}`),
    await request(`${edge.url}/ready`),
  ]) {
    assertProblem(response, 500)
    assert.is(response.body.title, 'Internal error')
    const requestId = String(response.headers.get('x-request-id'))
    // the random id can contain "403"
    const exposed = (response.text + JSON.stringify([...response.headers])).replaceAll(requestId, '')
    assert.not.match(exposed, /secret|credentials|403/)
    const entry = edge
      .logged()
      .split('\n')
      .find((line) => line.includes(requestId) && line.includes('"level":"error"'))
    assert.match(entry ?? '', /no credentials/)
  }
})

test('treats errors with a status, and thrown values that are not errors, as internal errors', async () => {
  for (const thrown of [
    new MediadError('internal.document', 'secret'),
    'secret',
    null,
    undefined,
    { status: 404, message: 'secret' },
  ]) {
    await using edge = await startEdge({ readJob: async () => Promise.reject(thrown) })
    const response = await request(`${edge.url}/video/${ID}`)
    assertProblem(response, 500)
    assert.not.match(response.text, /secret/)
  }
})

test('returns 503 with retry-after if the storage does not respond', async () => {
  await using edge = await startEdge({
    readJob: async () => Promise.reject(new MediadError('transient.storage', 'secret endpoint')),
  })
  const response = await request(`${edge.url}/video/${ID}`)
  assertProblem(response, 503)
  assert.match(response.headers.get('retry-after') ?? '', /^\d+$/)
  assert.not.match(response.text, /secret/)
})

test('logs every request at debug level, without its query', async () => {
  await using edge = await startEdge()
  await request(`${edge.url}/nothing?token=abc123`)
  const entry = edge
    .logged()
    .split('\n')
    .map((line) => JSON.parse(line || '{}') as Record<string, unknown>)
    .find(({ path }) => path === '/nothing')
  assert.equal([entry?.level, entry?.method, entry?.status], ['debug', 'GET', 404])
  assert.not.match(edge.logged(), /abc123/)
})

test('serves other requests while one is slow', async () => {
  const slow = Promise.withResolvers<null>()
  await using edge = await startEdge({ readJob: () => slow.promise })
  const waiting = request(`${edge.url}/video/${ID}`)
  for (let n = 0; n < 5; n++) assert.is((await request(`${edge.url}/health`)).status, 200)
  slow.resolve(null)
  assert.is((await waiting).status, 404)
})
