/** The multipart uploads of the S3 protocol of Uppy's Companion. */
import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { sealToken } from '../../daemon/http/uploads/token.ts'
import { putParts, startParts, startUploads, toEtag, UPLOAD_SECRET } from '../helpers/companion.ts'
import { assertProblem, request, startEdge } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'

const MiB = 1024 ** 2
const test = suite('http: uploads in parts')

test('the whole life of a multipart upload', async () => {
  await using server = await startUploads()
  const upload = await startParts(server)
  assert.match(upload.key, /^origin_[0-9a-f-]{36}-My-clip\.mov$/)
  assert.match(upload.uploadId, /^\d+\.[\w-]{43}\.S3\/id\+1=\.x$/)
  assert.equal(server.multipart.created, [
    { key: upload.key, contentType: 'video/quicktime', metadata: { identity: 'ann', filename: 'My%20clip.mov' } },
  ])
  const one = await server.call('GET', `${upload.path}/1${upload.query}`)
  assert.equal(one.body, { url: `http://s3/media/${upload.key}?partNumber=1&expires=900`, expires: 900 })
  const batch = await server.call('GET', `${upload.path}/batch${upload.query}&partNumbers=2,3`)
  assert.equal(Object.keys(batch.body.presignedUrls as object), ['2', '3'])
  const parts = putParts(server, upload, [5 * MiB, 5 * MiB, 7])
  const list = await server.call('GET', upload.path + upload.query)
  assert.equal(list.body, [
    { PartNumber: 1, ETag: `"${toEtag(1)}"`, Size: 5 * MiB },
    { PartNumber: 2, ETag: `"${toEtag(2)}"`, Size: 5 * MiB },
    { PartNumber: 3, ETag: `"${toEtag(3)}"`, Size: 7 },
  ])
  const unquoted = parts.map(({ PartNumber }) => ({ PartNumber, ETag: toEtag(PartNumber) })).toReversed()
  const done = await server.call('POST', `${upload.path}/complete${upload.query}`, { body: { parts: unquoted } })
  const expected = { location: `http://s3/media/${upload.key}`, key: upload.key, id: toJobId('media', upload.key) }
  assert.equal(done.body, expected)
  assert.equal(server.multipart.objects.get(upload.key), { partCount: 3, sizeBytes: 10 * MiB + 7 })
})

test('a completed upload can be listed and completed again, and an abort does not affect it', async () => {
  await using server = await startUploads()
  const upload = await startParts(server)
  const body = { parts: putParts(server, upload, [5 * MiB, 5 * MiB, 2]) }
  const complete = () => server.call('POST', `${upload.path}/complete${upload.query}`, { body })
  const first = await complete()
  assert.is(first.status, 200)
  const again = await Promise.all([complete(), complete()])
  assert.equal(
    again.map(({ status, body }) => ({ status, body })),
    [first, first].map(({ status, body }) => ({ status, body })),
  )
  const { body: listed } = await server.call('GET', upload.path + upload.query)
  const list = listed as unknown as { PartNumber: number; Size: number }[]
  assert.equal(
    list.map(({ PartNumber }) => PartNumber),
    [1, 2, 3],
  )
  assert.is(
    list.reduce((sum, { Size }) => sum + Size, 0),
    10 * MiB + 2,
  )
  assert.equal((await server.call('DELETE', upload.path + upload.query)).body, {})
  assert.is(server.multipart.objects.size, 1)
})

test('a completion whose response was lost succeeds', async () => {
  await using server = await startUploads()
  const upload = await startParts(server)
  const body = { parts: putParts(server, upload, [9]) }
  server.multipart.loseNextCompletion()
  assert.is((await server.call('POST', `${upload.path}/complete${upload.query}`, { body })).status, 200)
})

const calls = (path: string, query: string) =>
  [
    ['GET', `${path}/1${query}`],
    ['GET', `${path}/batch${query}&partNumbers=1`],
    ['GET', path + query],
    ['POST', `${path}/complete${query}`],
    ['DELETE', path + query],
  ] as const

test('nobody else can sign, list, complete or abort an upload, or use it for another key', async () => {
  await using server = await startUploads()
  const [mine, other] = [await startParts(server), await startParts(server)]
  const body = { parts: putParts(server, mine, [9]) }
  const before = [...server.multipart.calls]
  const send = (method: string, path: string, user: string | null) =>
    server.call(method, path, { user, ...(method === 'POST' && { body }) })
  for (const user of ['bob', null, 'Ann'])
    for (const [method, path] of calls(mine.path, mine.query)) {
      const response = await send(method, path, user)
      assertProblem(response, 404, /no upload with this id and key/)
      assert.is(response.body.code, 'upload.not_found')
    }
  for (const [method, path] of calls(mine.path, other.query)) assertProblem(await send(method, path, 'ann'), 404)
  for (const unknown of ['made-up', '%zz', '%00', `1900000000.${'A'.repeat(43)}.S3`, '9'.repeat(2000)])
    for (const [method, path] of calls(`/s3/multipart/${unknown}`, mine.query))
      assertProblem(await send(method, path, 'ann'), 404)
  for (const [method, path] of calls(mine.path, '?')) assertProblem(await send(method, path, 'ann'), 400, /^key: /)
  assert.equal(server.multipart.calls, before, 'no call reached S3')
})

test('an upload of a client without an identity belongs to the clients without one', async () => {
  await using server = await startUploads()
  const upload = await startParts(server, null)
  assert.equal(server.multipart.created[0]?.metadata, { filename: 'My%20clip.mov' })
  assert.is((await server.call('GET', `${upload.path}/1${upload.query}`, { user: null })).status, 200)
  assertProblem(await server.call('GET', `${upload.path}/1${upload.query}`), 404)
})

test('a token is valid on another daemon with the same secret, and nowhere else', async () => {
  await using first = await startUploads()
  await using second = await startUploads({ multipart: first.multipart })
  await using stranger = await startUploads({ readUploadSecret: async () => 'another secret, 32 characters or more' })
  const upload = await startParts(first)
  const body = { parts: putParts(first, upload, [9]) }
  assertProblem(await stranger.call('GET', upload.path + upload.query), 404)
  assert.is((await second.call('POST', `${upload.path}/complete${upload.query}`, { body })).status, 200)
})

test('reports that an aborted upload is gone', async () => {
  await using server = await startUploads()
  const upload = await startParts(server)
  const body = { parts: putParts(server, upload, [9]) }
  for (let times = 0; times < 2; times++)
    assert.equal((await server.call('DELETE', upload.path + upload.query)).body, {})
  for (const response of [
    await server.call('GET', upload.path + upload.query),
    await server.call('POST', `${upload.path}/complete${upload.query}`, { body }),
  ]) {
    assertProblem(response, 410, /was aborted. Start it again/)
    assert.is(response.body.code, 'upload.gone')
  }
  // all that Uppy shows of an error
  const { statusText } = await fetch(server.url + upload.path + upload.query, { headers: { 'x-user': 'ann' } })
  assert.is(statusText, 'Gone')
})

test('refuses parts that S3 does not have, or not with this content', async () => {
  await using server = await startUploads()
  const upload = await startParts(server)
  const [one, two] = putParts(server, upload, [5 * MiB, 5])
  const complete = (body: unknown) => server.call('POST', `${upload.path}/complete${upload.query}`, { body })
  const cases: [unknown, RegExp, string][] = [
    [{ parts: [one, { PartNumber: 3, ETag: toEtag(3) }] }, /part 3 was not uploaded/, 'upload.parts'],
    [{ parts: [one, { PartNumber: 2, ETag: toEtag(1) }] }, /part 2 has another ETag, "e{31}2"/, 'upload.parts'],
    [{ parts: [one, one] }, /part 1 is listed twice/, 'upload.parts'],
    [{ parts: [] }, /parts: must have at least 1 entry/, 'request.invalid'],
    [{}, /parts: is missing/, 'request.invalid'],
    [{ parts: [{ PartNumber: 0, ETag: 'e' }] }, /PartNumber: must be at least 1/, 'request.invalid'],
    [{ parts: [{ PartNumber: '1', ETag: 'e' }] }, /PartNumber: must be a/, 'request.invalid'],
    ['{', /not valid JSON/, 'request.invalid'],
  ]
  for (const [body, detail, code] of cases) {
    const response = await complete(body)
    assertProblem(response, 400, detail)
    assert.is(response.body.code, code)
  }
  const small = await startParts(server)
  const tooSmall = { parts: putParts(server, small, [5, 5]) }
  const refused = await server.call('POST', `${small.path}/complete${small.query}`, { body: tooSmall })
  assertProblem(refused, 400, /S3 does not accept the parts: EntityTooSmall/)
  assert.is((await complete({ parts: [two, one] })).status, 200)
})

test('names the first problems of a list of parts, not thousands', async () => {
  await using server = await startUploads()
  const upload = await startParts(server)
  const body = { parts: Array.from({ length: 10_000 }, () => ({})) }
  const { status, body: problem } = await server.call('POST', `${upload.path}/complete${upload.query}`, { body })
  assert.is(status, 400)
  assert.match(String(problem.detail), /^parts\[0\]\.PartNumber: is missing[^]{1,1000}; and 19990 more$/)
})

test('an object that has the key already is never replaced', async () => {
  await using server = await startUploads()
  const upload = await startParts(server)
  const body = { parts: putParts(server, upload, [9]) }
  server.multipart.objects.set(upload.key, { partCount: 1, sizeBytes: 1 })
  const response = await server.call('POST', `${upload.path}/complete${upload.query}`, { body })
  assertProblem(response, 409, /Another object has the key/)
  assert.equal(server.multipart.objects.get(upload.key), { partCount: 1, sizeBytes: 1 })
})

test('an expired upload is gone for its owner; others do not learn that it existed', async () => {
  await using server = await startUploads()
  const grant = { key: 'origin_a.mp4', uploadId: 'S3', expiresAt: Math.floor(Date.now() / 1000) - 1 }
  const token = encodeURIComponent(sealToken(UPLOAD_SECRET, { id: 'ann' }, grant))
  for (const path of ['', '/1', '/batch']) {
    const url = `/s3/multipart/${token}${path}?key=origin_a.mp4&partNumbers=1`
    assertProblem(await server.call('GET', url), 410, /has expired. Start it again/)
    assertProblem(await server.call('GET', url, { user: 'bob' }), 404)
  }
  assert.equal(server.multipart.calls, [])
})

test('the log does not contain the id of an upload', async () => {
  await using edge = await startEdge()
  for (const path of ['', '/1', '/complete'])
    await request(`${edge.url}/s3/multipart/1900000000.secret.S3${path}?key=a`)
  assert.match(edge.logged(), '/s3/multipart/:uploadId/complete')
  assert.not.match(edge.logged(), 'secret')
})
