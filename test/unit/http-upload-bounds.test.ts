/** Forms, bounds and identities of uploads, and the methods of `POST /video/pre-signed-url`. */
import * as assert from 'uvu/assert'
import type { PresignRequest } from '../../daemon/storage/presign.ts'
import type { PostRequest } from '../../daemon/storage/uploads/post.ts'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { putParts, startParts, startUploads } from '../helpers/companion.ts'
import { assertProblem, makeConfig } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const MiB = 1024 ** 2
const test = suite('http: bounds of uploads')

test('a form has the key of the server, its type, its owner, its filename and its bounds', async () => {
  const requests: PostRequest[] = []
  const presignPost = async (request: PostRequest) => {
    requests.push(request)
    return { url: 'http://s3/media', fields: { key: request.key } }
  }
  await using server = await startUploads({
    presignPost,
    config: makeConfig({ http: { maxUploadBytes: 100 * MiB } }),
  })
  const query = 'filename=Ünï+clip.mov&type=video%2Fquicktime&metadata%5Bname%5D=x&metadata%5BrelativePath%5D=null'
  const { status, body } = await server.call('GET', `/s3/params?${query}`, { user: 'zoë 1' })
  assert.is(status, 200)
  const [request] = requests
  assert.match(request?.key ?? '', /^origin_[0-9a-f-]{36}-Ünï-clip\.mov$/)
  assert.equal(request, {
    key: request?.key as string,
    contentType: 'video/quicktime',
    metadata: { identity: 'zo%C3%AB%201', filename: '%C3%9Cn%C3%AF%20clip.mov' },
    sizeBytes: { min: 1, max: 100 * MiB },
  })
  assert.equal(body, { method: 'POST', url: 'http://s3/media', fields: { key: request?.key }, expires: 900 })
})

test('a file whose type the browser does not know is uploaded with the general one', async () => {
  await using server = await startUploads()
  for (const type of ['', '&type=', '&type=application%2Foctet-stream'])
    assert.is((await server.call('GET', `/s3/params?filename=a.mkv${type}`)).status, 200)
  await server.call('POST', '/s3/multipart', { body: { filename: 'a.mkv', type: '', metadata: {} } })
  assert.is(server.multipart.created[0]?.contentType, 'application/octet-stream')
  assertProblem(await server.call('GET', '/s3/params?filename=a.html&type=text%2Fhtml'), 415)
  assertProblem(await server.call('POST', '/s3/multipart', { body: { filename: 'a', type: 'text/html' } }), 415)
  assertProblem(await server.call('POST', '/s3/multipart', { body: { filename: 3 } }), 400, /filename: must be text/)
})

test('part numbers are 1 to the number of parts that the largest upload has', async () => {
  const config = makeConfig({ http: { uploads: { maxBytes: 50 * MiB } } })
  await using server = await startUploads({ config })
  const { path, query } = await startParts(server)
  assert.is((await server.call('GET', `${path}/10${query}`)).status, 200)
  assertProblem(await server.call('GET', `${path}/11${query}`), 413, /at most 52428800 bytes has at most 10 parts/)
  for (const number of ['0', '-1', '1.5', 'x', '1e1', '%20', '0x1', '1,x', ' 1'])
    assertProblem(await server.call('GET', `${path}/${encodeURIComponent(number)}${query}`), 400, /part numbers/)
  const many = Array.from({ length: 101 }, () => 1).join(',')
  assertProblem(await server.call('GET', `${path}/batch${query}&partNumbers=${many}`), 400, /at most 100/)
  assertProblem(await server.call('GET', `${path}/batch${query}`), 400, /partNumbers: must be a list/)
})

test('the sum of the parts is checked before they are joined: above the limit, the upload is aborted', async () => {
  const config = makeConfig({ http: { uploads: { maxBytes: 12 * MiB } } })
  await using server = await startUploads({ config })
  const large = await startParts(server)
  const parts = putParts(server, large, [5 * MiB, 5 * MiB, 2 * MiB + 1])
  const response = await server.call('POST', `${large.path}/complete${large.query}`, { body: { parts } })
  assertProblem(response, 413, /12582913 bytes exceed the limit of 12582912 bytes/)
  assert.equal(server.multipart.calls.slice(-2), ['read', 'abort'])
  assertProblem(await server.call('GET', large.path + large.query), 410)
  const fitting = await startParts(server)
  const body = { parts: putParts(server, fitting, [5 * MiB, 5 * MiB, 2 * MiB]) }
  assert.is((await server.call('POST', `${fitting.path}/complete${fitting.query}`, { body })).status, 200)
})

test('accepts the completion of 10,000 parts, and no larger body', async () => {
  await using server = await startUploads({ config: makeConfig({ limits: { sourceBytes: 100_000 * MiB } }) })
  const upload = await startParts(server)
  const parts = putParts(
    server,
    upload,
    Array.from({ length: 10_000 }, () => 5 * MiB),
  )
  const path = `${upload.path}/complete${upload.query}`
  assertProblem(await server.call('POST', path, { body: 'x'.repeat(MiB + 1) }), 413)
  assertProblem(await server.call('POST', '/s3/multipart', { body: 'x'.repeat(17_000) }), 413)
  assert.is((await server.call('POST', path, { body: { parts } })).status, 200)
})

test('pre-signed-url: a form and an upload in parts for clients of their own', async () => {
  const forms: PostRequest[] = []
  const presignPost = async (request: PostRequest) => {
    forms.push(request)
    return { url: 'http://s3/media', fields: { key: request.key } }
  }
  await using server = await startUploads({ presignPost })
  const post = (body: object) => server.call('POST', '/video/pre-signed-url', { body })
  const form = await post({ method: 'POST', filename: 'a.mp4', contentType: 'video/mp4', size: 7 })
  const { key } = form.body as { key: string }
  const id = toJobId('media', key)
  const answer = { isSuccess: true, id, key, method: 'POST', url: 'http://s3/media', fields: { key }, expiresIn: 900 }
  assert.equal(form.body, answer)
  assert.equal(forms, [
    { key, contentType: 'video/mp4', metadata: { identity: 'ann', filename: 'a.mp4' }, sizeBytes: { min: 7, max: 7 } },
  ])
  const parts = await post({ multipart: true, filename: 'b.mp4' })
  const { uploadId, key: partKey, ...rest } = parts.body
  assert.equal(rest, { isSuccess: true, id: toJobId('media', String(partKey)), partBytes: 16 * MiB, expiresIn: 86_400 })
  const path = `/s3/multipart/${encodeURIComponent(String(uploadId))}/1?key=${encodeURIComponent(String(partKey))}`
  assert.is((await server.call('GET', path)).status, 200)
  const large = await post({ multipart: true, size: 20 * 1024 * MiB })
  assert.is(large.body.partBytes, 16 * MiB)
  assertProblem(await post({ multipart: true, size: 20 * 1024 * MiB + 1 }), 413, /^size: .* exceed the limit/)
  assertProblem(await post({ multipart: true, method: 'POST' }), 400, /method: must be left out/)
  assertProblem(await post({ method: 'GET' }), 400, /method: must be one of "PUT", "POST"/)
})

test('pre-signed-url: an identity is part of what is signed, and a client without one gets what it always got', async () => {
  const requests: PresignRequest[] = []
  const presign = async (request: PresignRequest) => {
    requests.push(request)
    return { url: 'http://s3/signed', headers: {} }
  }
  await using server = await startUploads({ presign })
  await server.call('POST', '/video/pre-signed-url', { body: { filename: 'a.mp4' }, user: 'zoë' })
  await server.call('POST', '/video/pre-signed-url', { body: { filename: 'a.mp4' }, user: null })
  await server.call('POST', '/video/pre-signed-url', { body: { method: 'PUT', multipart: false }, user: null })
  assert.equal(
    requests.map(({ key: _key, ...rest }) => rest),
    [{ metadata: { identity: 'zo%C3%AB' } }, {}, {}],
  )
})
