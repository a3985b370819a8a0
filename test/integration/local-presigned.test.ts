import { createHash } from 'node:crypto'
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import * as assert from 'uvu/assert'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('embedded S3: presigned URLs')

const at = { Bucket: BUCKET, Key: 'video' }
const origin = 'http://localhost:8080'
type Headers = Record<string, string>

test('refuses x-amz headers that the signature does not cover', async () => {
  await using cloud = await startCloud()
  const url = await presign(cloud, {})
  for (const header of ['x-amz-meta-identity', 'x-amz-storage-class', 'x-amz-checksum-crc32', 'x-amz-acl']) {
    const response = await put(url, { [header]: 'x', 'x-amz-meta-b': '1' })
    await refused(response, 403, 'AccessDenied')
    assert.match(response.text, `<HeadersNotSigned>`)
    assert.match(response.text, header)
  }
  const { UploadId } = await cloud.s3.send(new CreateMultipartUploadCommand(at))
  const part = await getSignedUrl(cloud.s3, new UploadPartCommand({ ...at, UploadId, PartNumber: 1 }))
  await refused(await put(part, { 'x-amz-meta-a': '1' }), 403, 'AccessDenied')
  await refused(await put(`${url}&x-amz-meta-a=1`), 403, 'SignatureDoesNotMatch')
  assert.equal(await cloud.list(), [])
  assert.is((await put(url)).status, 200)
})

test('requires the signed headers with their values, and the signed size', async () => {
  await using cloud = await startCloud()
  const metadata = { 'x-amz-meta-identity': 'ann%40b' }
  const input = { ContentType: 'video/mp4', ContentLength: 7, Metadata: { identity: 'ann%40b' } }
  const signed = new Set(['content-type', 'content-length', 'x-amz-meta-identity'])
  const url = await presign(cloud, input, signed)
  const wrong: [Headers, string?][] = [
    [{ 'content-type': 'text/html', ...metadata }],
    [metadata],
    [{ 'content-type': 'video/mp4' }],
    [{ 'content-type': 'video/mp4', 'x-amz-meta-identity': 'eve' }],
    [{ 'content-type': 'video/mp4', ...metadata }, 'content and more'],
    [{ 'content-type': 'video/mp4', ...metadata }, 'less'],
  ]
  for (const [headers, body] of wrong) await refused(await put(url, headers, body), 403, 'SignatureDoesNotMatch')
  assert.equal(await cloud.list(), [])
  assert.is((await put(url, { 'content-type': 'video/mp4', ...metadata })).status, 200)
  const { ContentType, Metadata } = await cloud.s3.send(new HeadObjectCommand(at))
  assert.equal([ContentType, Metadata], ['video/mp4', { identity: 'ann%40b' }])
})

test('verifies the checksum that a presigned URL requires', async () => {
  await using cloud = await startCloud()
  const sha256 = createHash('sha256').update('content').digest('base64')
  const url = await presign(cloud, { ChecksumSHA256: sha256 })
  await refused(await put(url, {}, 'Content'), 400, 'BadDigest')
  const md5 = { 'content-md5': createHash('md5').update('Content').digest('base64') }
  await refused(await put(await presign(cloud, {}), md5), 400, 'BadDigest')
  assert.equal(await cloud.list(), [])
  assert.is((await put(url)).status, 200)
})

test('a page of another origin can send any signed request, and read errors, ETags and locations', async () => {
  await using cloud = await startCloud()
  const url = await presign(cloud, {})
  for (const method of ['PUT', 'POST', 'GET', 'HEAD', 'DELETE']) {
    const headers = {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'content-type,x-amz-meta-identity,range',
    }
    const preflight = await fetch(url, { method: 'OPTIONS', headers })
    assert.is(preflight.status, 200, method)
    assert.is(preflight.headers.get('access-control-allow-origin'), '*')
    assert.match(preflight.headers.get('access-control-allow-methods') ?? '', method)
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', 'x-amz-meta-identity')
    assert.is(preflight.headers.get('access-control-max-age'), '3000')
  }
  const errors = [
    await put(url.replace('video?', 'other?'), { origin }),
    await put(url, { origin, 'if-none-match': 'x' }),
    await put(url.split('?')[0] ?? '', { origin }),
    await put(url, { origin, 'x-amz-acl': 'private' }),
  ]
  for (const response of errors) {
    assert.ok(response.status >= 400)
    assert.is(response.headers.get('access-control-allow-origin'), '*', response.text)
  }
  const written = await put(url, { origin })
  assert.is(written.headers.get('access-control-allow-origin'), '*')
  assert.equal((written.headers.get('access-control-expose-headers') ?? '').split(', ').toSorted(), [
    'ETag',
    'Location',
  ])
  assert.match(written.headers.get('etag') ?? '', /^"[0-9a-f]{32}"$/)
})

test('a preflight for a bucket without CORS rules, or without an origin, is refused', async () => {
  await using cloud = await startCloud()
  const url = `${cloud.local.s3Endpoint}/${BUCKET}/video`
  const method = { 'access-control-request-method': 'PUT' }
  assert.is((await fetch(url, { method: 'OPTIONS', headers: method })).status, 403)
  assert.is((await fetch(url, { method: 'OPTIONS', headers: { origin } })).status, 403)
  const none = url.replace(BUCKET, 'none')
  assert.is((await fetch(none, { method: 'OPTIONS', headers: { origin, ...method } })).status, 403)
})

test('a presigned GET sets the headers of its response, and serves ranges', async () => {
  await using cloud = await startCloud()
  await cloud.put('video', 'content')
  const ResponseContentDisposition = 'attachment; filename="my video.mp4"'
  const get = new GetObjectCommand({ ...at, ResponseContentDisposition, ResponseContentType: 'video/mp4' })
  const url = await getSignedUrl(cloud.s3, get)
  const response = await fetch(url, { headers: { origin, range: 'bytes=2-4' } })
  assert.equal([response.status, await response.text()], [206, 'nte'])
  const names = ['content-disposition', 'content-type', 'content-range', 'accept-ranges', 'access-control-allow-origin']
  assert.equal(
    names.map((name) => response.headers.get(name)),
    [ResponseContentDisposition, 'video/mp4', 'bytes 2-4/7', 'bytes', '*'],
  )
  const outside = await fetch(url, { headers: { range: 'bytes=7-' } })
  assert.is(outside.status, 416)
  await outside.text()
})

function presign(cloud: Cloud, input: Partial<PutObjectCommandInput>, signed = new Set<string>()): Promise<string> {
  const headers = new Set([...signed].filter((name) => name.startsWith('x-amz-')))
  const options = { signableHeaders: new Set(['host', ...signed]), unhoistableHeaders: headers }
  return getSignedUrl(cloud.s3, new PutObjectCommand({ ...at, ...input }), options)
}

type Answer = { status: number; headers: Response['headers']; text: string }

async function put(url: string, headers: Headers = {}, body = 'content'): Promise<Answer> {
  const response = await fetch(url, { method: 'PUT', headers, body })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

async function refused({ status, text }: Answer, expected: number, code: string): Promise<void> {
  assert.is(status, expected, text)
  assert.match(text, `<Code>${code}</Code>`)
}
