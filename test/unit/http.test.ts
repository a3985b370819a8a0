import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import type { PresignRequest } from '../../daemon/storage/presign.ts'
import { assertProblem, makeConfig, post, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('http: upload URLs')

test('creates an upload URL without a body: a new key, the job’s id, and no headers', async () => {
  const requests: PresignRequest[] = []
  const presign = async (request: PresignRequest) => {
    requests.push(request)
    return { url: 'http://s3/signed', headers: {} }
  }
  await using edge = await startEdge({
    presign,
    config: makeConfig({ source: { prefix: 'in/' }, http: { urlSeconds: 60 } }),
  })
  const { status, body, headers } = await post(edge.url)
  assert.is(status, 200)
  assert.match(headers.get('content-type') ?? '', /^application\/json/)
  assert.match(String(body.key), /^in\/[0-9a-f-]{36}\.mp4$/)
  const id = toJobId('media', String(body.key))
  assert.equal(body, {
    isSuccess: true,
    preSignedUrl: 'http://s3/signed',
    id,
    key: body.key,
    method: 'PUT',
    headers: {},
    expiresIn: 60,
  })
  assert.equal(requests, [{ key: body.key as string }])
})

test('signs and lists what the client states', async () => {
  const requests: PresignRequest[] = []
  const presign = async (request: PresignRequest) => {
    requests.push(request)
    return { url: 'u', headers: { 'content-type': 'video/webm', 'content-length': '12' } }
  }
  await using edge = await startEdge({ presign })
  const { body } = await post(edge.url, { filename: 'My clip.WEBM', contentType: 'video/webm', size: 12 })
  assert.match(String(body.key), /^origin_[0-9a-f-]{36}-My-clip\.webm$/)
  assert.equal(body.headers, { 'content-type': 'video/webm', 'content-length': '12' })
  assert.equal(requests, [{ key: body.key as string, contentType: 'video/webm', sizeBytes: 12 }])
})

test('creates a different key for every call', async () => {
  await using edge = await startEdge()
  const responses = await Promise.all(Array.from({ length: 20 }, () => post(edge.url, { filename: 'a.mp4' })))
  assert.is(new Set(responses.map(({ body }) => body.key)).size, 20)
  assert.is(new Set(responses.map(({ body }) => body.id)).size, 20)
})

test('accepts JSON with any content type, and an empty body', async () => {
  await using edge = await startEdge()
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json', 'nonsense'])
    assert.is((await post(edge.url, '{"size":1}', { 'content-type': type })).status, 200)
  for (const body of ['', ' \n ', '{}']) assert.is((await post(edge.url, body)).status, 200)
})

test('rejects invalid bodies with an explanation', async () => {
  await using edge = await startEdge()
  const cases: [string, RegExp][] = [
    ['{', /not valid JSON/],
    ['{"size": NaN}', /not valid JSON/],
    ['\u0000', /not valid JSON/],
    ['[]', /body must be an object/],
    ['[{"size":1}]', /body must be an object/],
    ['null', /body must be an object/],
    ['3', /body must be an object/],
    ['{"__proto__": {"size": 1}}', /__proto__: unknown/],
    ['{"constructor": 1, "toString": 2}', /constructor: unknown.*toString: unknown/],
    ['{"fileName": "a.mp4"}', /fileName: unknown option; did you mean "filename"/],
    ['{"filename": ["a"]}', /filename: must be text/],
    ['{"filename": null}', /filename: must be text/],
    ['{"size": "1"}', /size: must be an integer/],
    ['{"size": 1.5}', /size: must be an integer/],
    ['{"size": 0}', /size: must be at least 1/],
    ['{"size": -1}', /size: must be at least 1/],
    ['{"size": 1e400}', /size: must be an integer/],
    ['{"size": 9007199254740993}', /size: must be an integer/],
    ['{"contentType": {}}', /contentType: must be text/],
    [`${'['.repeat(8000)}`, /not valid JSON/],
  ]
  for (const [body, detail] of cases) assertProblem(await post(edge.url, body), 400, detail)
})

test('accepts only well-formed media types as content type', async () => {
  await using edge = await startEdge()
  const good = [
    'video/mp4',
    'VIDEO/MP4',
    'audio/ogg',
    'image/png',
    'application/octet-stream',
    'application/mxf',
    'video/webm;codecs="vp9, opus"',
    'video/webm; codecs=vp9',
  ]
  for (const contentType of good) assert.is((await post(edge.url, { contentType })).status, 200, contentType)
  const bad = [
    'text/html',
    'application/json',
    'video/',
    '/mp4',
    'video',
    '',
    'video/mp4\r\nx-evil: 1',
    'video/mp4; a',
    'video/mp4, text/html',
    'video/mp4;\u0000',
    'vidéo/mp4',
    `video/${'x'.repeat(300)}`,
    'application/mp4x',
  ]
  for (const contentType of bad)
    assertProblem(await post(edge.url, { contentType }), 415, /contentType: must be video\/\*, audio\/\*/)
})

test('rejects a size above the limit with 413, and accepts the limit', async () => {
  await using edge = await startEdge({ config: makeConfig({ http: { maxUploadBytes: 1000 } }) })
  assert.is((await post(edge.url, { size: 1000 })).status, 200)
  assertProblem(await post(edge.url, { size: 1001 }), 413, /1001 bytes exceed the limit of 1000 bytes/)
  assertProblem(await post(edge.url, { size: Number.MAX_SAFE_INTEGER }), 413)
})
