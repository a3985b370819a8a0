import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { request as httpRequest } from 'node:http'
import * as assert from 'uvu/assert'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('embedded S3: access')

test('denies requests without a signature, or with a wrong or expired one', async () => {
  await using cloud = await startCloud()
  await cloud.put('secret', 'x')
  const object = `${cloud.local.s3Endpoint}/${BUCKET}/secret`
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
    const response = await fetch(object, { method, ...(method === 'PUT' && { body: 'y' }) })
    assert.is(response.status, 403, method)
    await response.text()
  }
  assert.is((await fetch(`${cloud.local.s3Endpoint}/${BUCKET}?list-type=2`)).status, 403)
  assert.is((await fetch(cloud.local.s3Endpoint)).status, 403)

  const put = new PutObjectCommand({ Bucket: BUCKET, Key: 'secret' })
  const otherKey = (await getSignedUrl(cloud.s3, put)).replace('/secret?', '/other?')
  assert.is((await fetch(otherKey, { method: 'PUT', body: 'y' })).status, 403)
  const expired = await getSignedUrl(cloud.s3, put, { expiresIn: 60, signingDate: new Date(Date.now() - 3_600_000) })
  assert.is((await fetch(expired, { method: 'PUT', body: 'y' })).status, 403)

  const endpoint = cloud.local.s3Endpoint
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'wrong' }
  const intruder = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 })
  try {
    await intruder.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'secret' }))
    assert.unreachable('a wrong secret was accepted')
  } catch (error) {
    assert.is((error as Error).name, 'SignatureDoesNotMatch')
  } finally {
    intruder.destroy()
  }
  assert.is((await cloud.get('secret')).toString(), 'x')
})

test('a web page of another origin can upload and read the ETag', async () => {
  await using cloud = await startCloud()
  const url = await getSignedUrl(cloud.s3, new PutObjectCommand({ Bucket: BUCKET, Key: 'page' }))
  const origin = 'http://localhost:8080'
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' },
  })
  assert.is(preflight.status, 200)
  assert.is(preflight.headers.get('access-control-allow-origin'), '*')
  const put = await fetch(url, { method: 'PUT', body: 'x', headers: { origin } })
  assert.is(put.headers.get('access-control-allow-origin'), '*')
  assert.match(put.headers.get('access-control-expose-headers') ?? '', /ETag/)
})

const FIVE_GIB = 5 * 1024 ** 3

/** Announces a body of this size, sends only its first byte, and returns the response. */
async function announce(url: string, sizeBytes: number): Promise<{ status: number | undefined; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>()
  const put = httpRequest(url, { method: 'PUT', headers: { 'content-length': String(sizeBytes) }, agent: false })
  put.once('error', reject).once('response', (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => {
      resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() })
      put.destroy()
    })
  })
  put.write('x')
  return promise
}

test('refuses one PUT of more than 5 GiB without reading it, an object or a part', async () => {
  await using cloud = await startCloud()
  const at = { Bucket: BUCKET, Key: 'huge' }
  const { UploadId } = await cloud.s3.send(new CreateMultipartUploadCommand(at))
  const urls = [
    await getSignedUrl(cloud.s3, new PutObjectCommand(at)),
    await getSignedUrl(cloud.s3, new UploadPartCommand({ ...at, UploadId, PartNumber: 1 })),
  ]
  for (const url of urls) {
    const { status, text } = await announce(url, FIVE_GIB + 1)
    assert.is(status, 400)
    assert.match(text, /<Code>EntityTooLarge<\/Code>/)
    assert.match(text, `<ProposedSize>${FIVE_GIB + 1}</ProposedSize>`)
    assert.match(text, `<MaxSizeAllowed>${FIVE_GIB}</MaxSizeAllowed>`)
  }
  assert.equal(await cloud.list(), [])
})
