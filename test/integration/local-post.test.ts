import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post'
import * as assert from 'uvu/assert'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { route } from '../helpers/fakes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('embedded S3: forms')

const KEY = 'origin_a b/ä.mp4'
const video = randomBytes(300_000)

type Fields = Record<string, string>
type Form = { url: string; fields: Fields }

test('a form with a policy writes one object, with its type and metadata', async () => {
  await using cloud = await startCloud()
  const form = await presign(cloud, { Fields: { 'content-type': 'video/mp4', 'x-amz-meta-identity': 'ann%40b' } })
  const response = await send(form)
  assert.equal([response.status, await response.text()], [204, ''])
  const etag = `"${createHash('md5').update(video).digest('hex')}"`
  assert.is(response.headers.get('etag'), etag)
  assert.is(response.headers.get('location'), `${cloud.local.s3Endpoint}/${BUCKET}/${encodeURIComponent(KEY)}`)
  assert.ok((await cloud.get(KEY)).equals(video))
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: KEY }))
  assert.equal([head.ContentType, head.Metadata, head.ETag], ['video/mp4', { identity: 'ann%40b' }, etag])
})

test('success_action_status and success_action_redirect choose the response', async () => {
  await using cloud = await startCloud()
  const created = await send(await presign(cloud, { Fields: { success_action_status: '201' } }))
  assert.equal([created.status, created.headers.get('content-type')], [201, 'application/xml'])
  const xml = await created.text()
  assert.match(xml, `<Location>${created.headers.get('location')}</Location><Bucket>${BUCKET}</Bucket>`)
  assert.match(xml, `<Key>${KEY}</Key>`)
  const ok = await send(await presign(cloud, { Fields: { success_action_status: '200' } }))
  assert.equal([ok.status, await ok.text()], [200, ''])
  const page = await presign(cloud, { Fields: { success_action_redirect: 'http://localhost:1/done?a=1' } })
  const redirect = await send(page, { redirect: 'manual' })
  assert.is(redirect.status, 303)
  const target = new URL(redirect.headers.get('location') ?? '')
  assert.equal([target.searchParams.get('a'), target.searchParams.get('key')], ['1', KEY])
})

test('the daemon can read the event notification of a form', async () => {
  await using cloud = await startCloud()
  await send(await presign(cloud))
  const queue = { QueueUrl: cloud.local.queueUrls.work, WaitTimeSeconds: 1 }
  const [message] = (await cloud.sqs.send(new ReceiveMessageCommand(queue))).Messages ?? []
  assert.match(message?.Body ?? '', /"eventName":"ObjectCreated:Post"/)
  const notification = parseNotification(message?.Body ?? '', { bucket: BUCKET, routes: [route] })
  if (notification.kind !== 'sources') throw new Error(JSON.stringify(notification))
  const [{ source } = { source: null }] = notification.sources
  assert.equal([source?.key, source?.sizeBytes], [KEY, video.length])
})

type Change = (form: Form) => void
const edit =
  (fields: Fields): Change =>
  (form) =>
    void Object.assign(form.fields, fields)
const without =
  (name: string): Change =>
  (form) =>
    void delete form.fields[name]

const refusals: [title: string, change: Change, status: number, code: string, message?: RegExp][] = [
  ['another key', edit({ key: 'origin_other.mp4' }), 403, 'AccessDenied', /Condition failed: \["eq","\$key"/],
  ['another content type', edit({ 'content-type': 'text/html' }), 403, 'AccessDenied', /\$content-type/],
  ['no content type', without('content-type'), 403, 'AccessDenied', /\$content-type/],
  ['other metadata', edit({ 'x-amz-meta-identity': 'eve' }), 403, 'AccessDenied', /\$x-amz-meta-identity/],
  [
    'a field without a condition',
    edit({ 'x-amz-meta-b': '1' }),
    403,
    'AccessDenied',
    /Extra input fields: x-amz-meta-b/,
  ],
  ['another bucket in the fields', edit({ bucket: 'other' }), 403, 'AccessDenied', /another bucket/],
  ['no key', without('key'), 400, 'InvalidArgument', /contain a field named/],
  ['no policy', without('Policy'), 403, 'AccessDenied'],
  ['no signature', without('X-Amz-Signature'), 403, 'SignatureDoesNotMatch'],
  ['a wrong signature', edit({ 'X-Amz-Signature': '0'.repeat(64) }), 403, 'SignatureDoesNotMatch'],
  ['another access key', edit({ 'X-Amz-Credential': 'other/20260101/us-east-1/s3/aws4_request' }), 403, 'AccessDenied'],
  ['another policy', edit({ Policy: Buffer.from('{}').toString('base64') }), 403, 'SignatureDoesNotMatch'],
  ['an algorithm that is not supported', edit({ 'X-Amz-Algorithm': 'AWS4-ECDSA' }), 403, 'AccessDenied', /version 4/],
  ['a key with a variable', edit({ key: 'origin_${filename}' }), 501, 'NotImplemented'],
  ['fields of 20 kB', edit({ 'x-ignore-a': 'x'.repeat(20_000) }), 400, 'MaxPostPreDataLengthExceededError'],
]

test('refuses what the policy does not allow, writes nothing, and lets a page read the error', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  for (const [title, change, status, code, message = /./] of refusals) {
    const form = await presign(cloud, { Fields: { 'content-type': 'video/mp4', 'x-amz-meta-identity': 'ann' } })
    change(form)
    const response = await send(form, { headers: { origin: 'http://localhost' } })
    assert.is(response.headers.get('access-control-allow-origin'), '*', title)
    await refused(response, { title, status, code, message })
  }
  await assertEmpty(cloud, folder.path)
})

test('refuses a form for a bucket that does not exist', async () => {
  await using cloud = await startCloud()
  const { url, fields } = await presign(cloud)
  const response = await send({ url: `${url}-not`, fields })
  await refused(response, { title: 'bucket', status: 404, code: 'NoSuchBucket', message: /./ })
})

test('enforces content-length-range while the file arrives', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const limit = (min: number, max: number) =>
    presign(cloud, { Conditions: [['content-length-range', min, max]] }).then((form) => send(form))
  const large = await limit(1, video.length - 1)
  await refused(large, { title: 'large', status: 400, code: 'EntityTooLarge', message: /MaxSizeAllowed>299999</ })
  const small = await limit(video.length + 1, 1e9)
  await refused(small, { title: 'small', status: 400, code: 'EntityTooSmall', message: /MinSizeAllowed>300001</ })
  await assertEmpty(cloud, folder.path)
  assert.is((await limit(video.length, video.length)).status, 204)
})

test('verifies the checksums in the fields', async () => {
  await using cloud = await startCloud()
  const sha256 = createHash('sha256').update(video).digest('base64')
  const wrong = await send(await presign(cloud, { Fields: { 'x-amz-checksum-sha256': sha256.replace(/^./, '-') } }))
  await refused(wrong, { title: 'checksum', status: 400, code: 'BadDigest', message: /x-amz-checksum-sha256/ })
  assert.equal(await cloud.list(), [])
  assert.is((await send(await presign(cloud, { Fields: { 'x-amz-checksum-sha256': sha256 } }))).status, 204)
})

test('reads a refused form to its end, so that the connection serves the next request', async () => {
  await using cloud = await startCloud()
  const form = await presign(cloud)
  const content = new Blob([Buffer.alloc(20_000_000)])
  const response = await send({ ...form, fields: { ...form.fields, key: 'origin_b' } }, {}, content)
  assert.is(response.status, 403)
  assert.is(response.headers.get('connection'), 'keep-alive')
  await response.text()
})

test('refuses what is not one well-formed file', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const { url, fields } = await presign(cloud)
  const twoFiles = toData(fields)
  twoFiles.append('file', new Blob(['second']))
  const none = toData(fields)
  none.delete('file')
  const other = toData(fields)
  other.delete('file')
  other.append('upload', new Blob(['x']))
  for (const body of [twoFiles, none, other]) {
    const response = await fetch(url, { method: 'POST', body })
    await refused(response, { title: 'one file', status: 400, code: 'InvalidArgument', message: /exactly one file/ })
  }
  const malformed: [string, string | Buffer][] = [
    ['multipart/form-data', 'x'],
    ['multipart/form-data; boundary=b', 'x'],
    ['multipart/form-data; boundary=b', await truncate(fields)],
  ]
  for (const [type, body] of malformed) {
    const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } })
    await refused(response, { title: type, status: 400, code: 'MalformedPOSTRequest', message: /well-formed/ })
  }
  await assertEmpty(cloud, folder.path)
})

test('a connection that ends before the form leaves nothing', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const { url, fields } = await presign(cloud)
  const body = await truncate(fields)
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${body.length + 1000}\r\n\r\n`,
  )
  socket.write(body)
  const blobs = () => readdir(join(folder.path, 'objects'))
  await until('the file is being written', async () => (await blobs()).length === 1)
  socket.destroy()
  await until('the file is removed', async () => (await blobs()).length === 0)
  await assertEmpty(cloud, folder.path)
})

test('replaces an object atomically, and a presigned URL reads it', async () => {
  await using cloud = await startCloud()
  const form = await presign(cloud)
  await send(form, {}, new Blob(['old']))
  await send(form, {}, new Blob(['new']))
  const Range = 'bytes=1-'
  const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: KEY, Range }))
  assert.is(await Body?.transformToString(), 'ew')
})

function presign(cloud: Cloud, options: Partial<PresignedPostOptions> = {}): Promise<Form> {
  return createPresignedPost(cloud.s3, { Bucket: BUCKET, Key: KEY, ...options })
}

function send({ url, fields }: Form, init: RequestInit = {}, content = new Blob([video])): Promise<Response> {
  return fetch(url, { ...init, method: 'POST', body: toData(fields, content) })
}

function toData(fields: Fields, content = new Blob([video])): FormData {
  const data = new FormData()
  for (const [name, value] of Object.entries(fields)) data.append(name, value)
  data.append('file', content)
  return data
}

/** Returns a body with the boundary `b` that ends within its file. */
async function truncate(fields: Fields): Promise<Buffer> {
  const response = new Response(toData(fields))
  const boundary = /boundary=(.*)$/.exec(response.headers.get('content-type') ?? '')?.[1] ?? ''
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1')
  return Buffer.from(text.replaceAll(`--${boundary}`, '--b').slice(0, -1000), 'latin1')
}

type Refusal = { title: string; status: number; code: string; message: RegExp }

async function refused(response: Response, { title, status, code, message }: Refusal): Promise<void> {
  const text = await response.text()
  assert.is(response.status, status, `${title}: ${text}`)
  assert.match(text, `<Code>${code}</Code>`, title)
  assert.match(text.replaceAll(/&amp;quot;|&quot;/g, '"'), message, title)
}

/** Asserts that no object, no file and no event notification exists. */
async function assertEmpty(cloud: Cloud, dataDirectory: string): Promise<void> {
  assert.equal(await cloud.list(), [])
  assert.equal(await readdir(join(dataDirectory, 'objects')), [])
  assert.is((await cloud.messages(cloud.local.queueUrls.work)).visible, 0)
}
