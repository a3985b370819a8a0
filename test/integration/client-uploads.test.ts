/** Uploads by clients, from the endpoint to the embedded S3, through the AWS SDK and fetch. */
import { randomBytes } from 'node:crypto'
import { HeadObjectCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { createAbortExpiredUploads } from '../../daemon/storage/uploads/expired.ts'
import { createMultipartUploads } from '../../daemon/storage/uploads/multipart.ts'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { serveUploads, startParts, type StartedUpload, type UploadServer } from '../helpers/companion.ts'
import { createTestLog } from '../helpers/context.ts'
import { assertProblem, makeConfig } from '../helpers/edge.ts'
import { suite } from '../helpers/suite.ts'
import { createUploadDeps } from '../helpers/uploads.ts'

const MiB = 1024 ** 2
const test = suite('uploads by clients')

let cloud: Cloud
test.before(async () => {
  cloud = await startCloud()
})
test.after(async () => {
  await cloud[Symbol.asyncDispose]()
})

/** Starts the routes of uploads as a daemon of its own: only the bucket is shared. */
const startServer = (http: object = {}): Promise<UploadServer> =>
  serveUploads(createUploadDeps(cloud.s3, makeConfig({ bucket: BUCKET, http })))

type Sent = { PartNumber: number; ETag: string }

async function sendPart({ call }: UploadServer, { path, query }: StartedUpload, part: [number, Buffer]): Promise<Sent> {
  const [PartNumber, body] = part
  const { body: signed } = await call('GET', `${path}/${PartNumber}${query}`)
  const response = await fetch(String(signed.url), { method: 'PUT', body: new Uint8Array(body) })
  await response.arrayBuffer()
  assert.is(response.status, 200)
  return { PartNumber, ETag: response.headers.get('etag') ?? '' }
}

const put = (target: string, headers: Record<string, string> = {}) =>
  statusOf(target, { method: 'PUT', headers, body: 'a' })
const head = (key: string) => cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }))
const statusOf = async (url: string, init: RequestInit) => {
  const response = await fetch(url, init)
  await response.arrayBuffer()
  return response.status
}

test('the life of a multipart upload: cut off, listed, continued and completed by another daemon', async () => {
  const pieces = [randomBytes(5 * MiB), randomBytes(5 * MiB), randomBytes(1234)] as const
  let upload: StartedUpload
  let sent: Sent[]
  {
    await using first = await startServer()
    upload = await startParts(first)
    sent = [await sendPart(first, upload, [1, pieces[0]]), await sendPart(first, upload, [3, pieces[2]])]
  }
  await using second = await startServer()
  const { path, query, key } = upload
  const listed = (await second.call('GET', path + query)).body as unknown as (Sent & { Size: number })[]
  assert.equal(
    listed,
    sent.map((part, index) => ({ ...part, Size: [5 * MiB, 1234][index] })),
  )
  for (const user of ['bob', null]) assertProblem(await second.call('GET', path + query, { user }), 404)
  sent.push(await sendPart(second, upload, [2, pieces[1]]))
  const complete = () => second.call('POST', `${path}/complete${query}`, { body: { parts: sent } })
  const [one, two] = [await complete(), await complete()]
  assert.is(one.status, 200, one.text)
  assert.equal([two.status, two.text], [200, one.text])
  assert.is(one.body.location, `${cloud.local.s3Endpoint}/${BUCKET}/${key}`)
  assert.ok((await cloud.get(key)).equals(Buffer.concat(pieces)))
  const { ETag, ContentType, Metadata } = await head(key)
  assert.match(ETag ?? '', /-3"$/)
  assert.equal([ContentType, Metadata], ['video/quicktime', { identity: 'ann', filename: 'My%20clip.mov' }])

  const after = (await second.call('GET', path + query)).body as unknown as (Sent & { Size: number })[]
  assert.equal([after.length, after.reduce((sum, { Size }) => sum + Size, 0)], [3, 10 * MiB + 1234])
  assert.is((await second.call('DELETE', path + query)).status, 200)
  assert.is((await head(key)).ContentLength, 10 * MiB + 1234)
})

test('an aborted upload is gone: its parts are deleted, and its URLs have no effect', async () => {
  await using server = await startServer()
  const upload = await startParts(server)
  await sendPart(server, upload, [1, Buffer.from('a')])
  const { body } = await server.call('GET', `${upload.path}/1${upload.query}`)
  assert.is((await server.call('DELETE', upload.path + upload.query)).status, 200)
  assert.is(await statusOf(String(body.url), { method: 'PUT', body: 'b' }), 404)
  assertProblem(await server.call('GET', upload.path + upload.query), 410)
  const { Uploads = [] } = await cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  assert.equal(
    Uploads.filter(({ Key }) => Key === upload.key),
    [],
  )
})

test('the URL of a part is for this part of this upload, and copies nothing', async () => {
  await using server = await startServer()
  const [upload, other] = [await startParts(server), await startParts(server)]
  await cloud.put('secret.txt', 'secret')
  const { body } = await server.call('GET', `${upload.path}/1${upload.query}`)
  const url = String(body.url)
  assert.is(await put(url.replace('partNumber=1', 'partNumber=2')), 403)
  assert.is(await put(url.replace(upload.key, other.key)), 403)
  assert.is(await put(url.replace(/uploadId=[^&]+&?/, '')), 403)
  assert.is(await put(url, { 'x-amz-copy-source': `/${BUCKET}/secret.txt` }), 403)
  for (const method of ['GET', 'DELETE', 'POST']) assert.is(await statusOf(url, { method }), 403, method)
  assert.is(await put(url), 200)
})

test('a completion above the limit deletes the parts, and one onto another object changes nothing', async () => {
  await using server = await startServer({ uploads: { maxBytes: 6 * MiB } })
  const large = await startParts(server)
  const parts = [
    await sendPart(server, large, [1, Buffer.alloc(5 * MiB)]),
    await sendPart(server, large, [2, Buffer.alloc(MiB + 1)]),
  ]
  assertProblem(await server.call('POST', `${large.path}/complete${large.query}`, { body: { parts } }), 413)
  assertProblem(await server.call('GET', large.path + large.query), 410)
  const taken = await startParts(server)
  const part = await sendPart(server, taken, [1, Buffer.from('new')])
  await cloud.put(taken.key, 'old')
  assertProblem(await server.call('POST', `${taken.path}/complete${taken.query}`, { body: { parts: [part] } }), 409)
  assert.is((await cloud.get(taken.key)).toString(), 'old')
})

test('a PUT with an identity must send exactly the signed header', async () => {
  await using server = await startServer()
  const { body } = await server.call('POST', '/video/pre-signed-url', { body: { filename: 'a.mp4' }, user: 'zoë/1' })
  const {
    preSignedUrl: url,
    headers,
    key,
  } = body as { preSignedUrl: string; headers: Record<string, string>; key: string }
  assert.equal(headers, { 'x-amz-meta-identity': 'zo%C3%AB%2F1' })
  assert.is(await put(url), 403)
  assert.is(await put(url, { 'x-amz-meta-identity': 'bob' }), 403)
  assert.is(await put(url, { ...headers, 'x-amz-meta-filename': 'x' }), 403)
  assert.is(await put(url, headers), 200)
  assert.equal((await head(key)).Metadata, { identity: 'zo%C3%AB%2F1' })
})

test('a URL for a client without an identity accepts no identity', async () => {
  await using server = await startServer()
  const { body } = await server.call('POST', '/video/pre-signed-url', { user: null })
  assert.equal(body.headers, {})
  const headers = { 'x-amz-meta-identity': 'bob' }
  assert.is(await statusOf(String(body.preSignedUrl), { method: 'PUT', headers, body: 'a' }), 403)
})

test('a form uploads one file with exactly its fields and a size in its range', async () => {
  await using server = await startServer({ maxUploadBytes: 10 })
  const { body } = await server.call('GET', '/s3/params?filename=a.mp4&type=video%2Fmp4', { user: 'zoë' })
  const { url, fields } = body as { url: string; fields: Record<string, string> }
  const send = (change: Record<string, string>, file = 'a video') => {
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...fields, ...change })) form.append(name, value)
    form.append('file', new Blob([file]), 'a.mp4')
    return statusOf(url, { method: 'POST', body: form })
  }
  assert.is(await send({ key: 'origin_b.mp4' }), 403)
  assert.is(await send({ 'Content-Type': 'text/html' }), 403)
  assert.is(await send({ 'x-amz-meta-identity': 'bob' }), 403)
  assert.is(await send({ 'x-amz-meta-extra': 'x' }), 403)
  assert.is(await send({}, 'eleven byte'), 400)
  assert.is(await send({}, ''), 400)
  assert.is(await send({}), 201)
  const { ContentType, Metadata } = await head(String(fields.key))
  assert.equal([ContentType, Metadata], ['video/mp4', { identity: 'zo%C3%AB', filename: 'a.mp4' }])
})

test('a form for a stated size accepts exactly this size', async () => {
  await using server = await startServer()
  const { body } = await server.call('POST', '/video/pre-signed-url', { body: { method: 'POST', size: 3 }, user: null })
  const { url, fields } = body as { url: string; fields: Record<string, string> }
  const send = (file: string) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', new Blob([file]))
    return statusOf(url, { method: 'POST', body: form })
  }
  assert.equal([await send('ab'), await send('abcd'), await send('abc')], [400, 400, 201])
})

test('expired uploads of clients are aborted, and no others', async () => {
  await using server = await startServer()
  const upload = await startParts(server)
  await sendPart(server, upload, [1, Buffer.from('a')])
  const other = createMultipartUploads({ client: cloud.s3, bucket: BUCKET })
  const foreign = await other.create({ key: 'origin_by-hand.mp4', metadata: {} })
  const result = await other.create({ key: `cvted_${upload.key}`, metadata: {} })
  const abortAt = (seconds: number) =>
    createAbortExpiredUploads({
      client: cloud.s3,
      bucket: BUCKET,
      prefix: 'origin_',
      validSeconds: 86_400,
      log: createTestLog(),
      now: () => Date.now() + seconds * 1000,
    })(AbortSignal.timeout(60_000))
  await abortAt(86_400 + 3500)
  assert.is((await server.call('GET', upload.path + upload.query)).status, 200)
  await abortAt(86_400 + 3700)
  assertProblem(await server.call('GET', upload.path + upload.query), 410)
  for (const [key, uploadId] of [
    ['origin_by-hand.mp4', foreign],
    [`cvted_${upload.key}`, result],
  ] as const)
    assert.is((await other.read({ key, uploadId })).state, 'open', key)
})
