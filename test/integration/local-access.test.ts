import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import * as assert from 'uvu/assert'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('local S3: access')

test('nobody gets in without a signature, or with a wrong or an old one', async () => {
  await using cloud = await startCloud()
  await cloud.put('secret', 'x')
  const object = `${cloud.local.s3Endpoint}/${BUCKET}/secret`
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
    const answer = await fetch(object, { method, ...(method === 'PUT' && { body: 'y' }) })
    assert.is(answer.status, 403, method)
    await answer.text()
  }
  assert.is((await fetch(`${cloud.local.s3Endpoint}/${BUCKET}?list-type=2`)).status, 403)
  assert.is((await fetch(cloud.local.s3Endpoint)).status, 403)

  const put = new PutObjectCommand({ Bucket: BUCKET, Key: 'secret' })
  const otherKey = (await getSignedUrl(cloud.s3, put)).replace('/secret?', '/other?')
  assert.is((await fetch(otherKey, { method: 'PUT', body: 'y' })).status, 403)
  const old = await getSignedUrl(cloud.s3, put, { expiresIn: 60, signingDate: new Date(Date.now() - 3_600_000) })
  assert.is((await fetch(old, { method: 'PUT', body: 'y' })).status, 403)

  const endpoint = cloud.local.s3Endpoint
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'guessed' }
  const stranger = new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 })
  try {
    await stranger.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'secret' }))
    assert.unreachable('a wrong secret got in')
  } catch (error) {
    assert.is((error as Error).name, 'SignatureDoesNotMatch')
  } finally {
    stranger.destroy()
  }
  assert.is((await cloud.get('secret')).toString(), 'x')
})

test('a page of another origin may upload and see the ETag', async () => {
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
