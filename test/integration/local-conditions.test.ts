import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import * as assert from 'uvu/assert'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('embedded S3: conditional requests')

type Condition = { IfNoneMatch?: string; IfMatch?: string }

test('exactly one of 50 concurrent creates succeeds', async () => {
  await using cloud = await startCloud()
  const bodies = Array.from({ length: 50 }, (_, n) => `writer ${n}`)
  const statuses = await Promise.all(bodies.map((body) => write(cloud, body, { IfNoneMatch: '*' })))
  assert.equal(tally(statuses), { 200: 1, 412: 49 })
  assert.is((await cloud.get('doc')).toString(), bodies[statuses.indexOf(200)])
  assert.equal(await cloud.messages(cloud.local.queueUrls.work), { visible: 1, hidden: 0, delayed: 0 })
})

test('exactly one of 50 concurrent updates of one version succeeds', async () => {
  await using cloud = await startCloud()
  const etag = await cloud.put('doc', 'first')
  const bodies = Array.from({ length: 50 }, (_, n) => `update ${n}`)
  const statuses = await Promise.all(bodies.map((body) => write(cloud, body, { IfMatch: `"${etag}"` })))
  assert.equal(tally(statuses), { 200: 1, 412: 49 })
  assert.is((await cloud.get('doc')).toString(), bodies[statuses.indexOf(200)])
})

test('updates that each expect the version before succeed', async () => {
  await using cloud = await startCloud()
  let etag = await cloud.put('doc', 'version 0')
  for (let n = 1; n <= 20; n++) {
    const response = await cloud.s3.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: 'doc', Body: `version ${n}`, IfMatch: etag }),
    )
    assert.is.not(response.ETag, etag)
    etag = response.ETag ?? ''
  }
  assert.is((await cloud.get('doc')).toString(), 'version 20')
})

test('an update returns 404 for a missing object, and 412 for another version', async () => {
  await using cloud = await startCloud()
  const missing = await refusal(cloud, 'doc', { IfMatch: '"0123456789abcdef0123456789abcdef"' })
  assert.is(missing.name, 'NoSuchKey')
  assert.is(missing.$metadata.httpStatusCode, 404)
  await cloud.put('doc', 'existing')
  const stale = await refusal(cloud, 'doc', { IfMatch: '"0123456789abcdef0123456789abcdef"' })
  assert.is(stale.name, 'PreconditionFailed')
  assert.is(stale.$metadata.httpStatusCode, 412)
  const unknown = await refusal(cloud, 'doc', { IfNoneMatch: '"0123456789abcdef0123456789abcdef"' })
  assert.is(unknown.$metadata.httpStatusCode, 501)
})

test('a refused write changes nothing, sends no notification and leaves no file', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const etag = await cloud.put('doc', 'kept')
  assert.is(await write(cloud, 'refused', { IfNoneMatch: '*' }), 412)
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'doc' }))
  assert.is(head.ETag, `"${etag}"`)
  assert.is((await cloud.get('doc')).toString(), 'kept')
  assert.is((await cloud.messages(cloud.local.queueUrls.work)).visible, 1)
  assert.is((await readdir(join(folder.path, 'objects'))).length, 1)
})

test('a slow conditional write blocks nobody, and fails when another write completes before it', async () => {
  await using cloud = await startCloud()
  const command = new PutObjectCommand({ Bucket: BUCKET, Key: 'doc', IfNoneMatch: '*' })
  const slow = openPut(await getSignedUrl(cloud.s3, command), { 'if-none-match': '*', 'content-length': '8' })
  slow.write('slow')
  assert.is(await write(cloud, 'quick', { IfNoneMatch: '*' }), 200)
  assert.is(await slow.finish('slow'), 412)
  assert.is((await cloud.get('doc')).toString(), 'quick')
})

test('readers see only complete versions while a key is rewritten', async () => {
  await using cloud = await startCloud()
  await cloud.put('doc', 'start')
  const versions = Array.from({ length: 30 }, (_, n) => Buffer.alloc(1000 * (n + 1), String(n)))
  const writes = versions.map((body) => cloud.put('doc', body))
  const reads = Array.from({ length: 60 }, async () => {
    const { Body, ETag } = await cloud.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'doc' }))
    return { ETag, body: (await Body?.transformToByteArray()) ?? new Uint8Array() }
  })
  for (const { ETag, body } of await Promise.all(reads)) {
    assert.is(ETag, `"${createHash('md5').update(body).digest('hex')}"`)
  }
  await Promise.all(writes)
})

test('a multipart upload completes only when its conditions hold, and stays open otherwise', async () => {
  await using cloud = await startCloud()
  const etag = await cloud.put('video', 'existing')
  const { id, part } = await startUpload(cloud, 'video')
  const complete = (condition: Condition) =>
    statusOf(
      cloud.s3.send(
        new CompleteMultipartUploadCommand({
          Bucket: BUCKET,
          Key: 'video',
          UploadId: id,
          MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part }] },
          ...condition,
        }),
      ),
    )
  assert.is(await complete({ IfNoneMatch: '*' }), 412)
  assert.is(await complete({ IfMatch: '"0123456789abcdef0123456789abcdef"' }), 412)
  assert.is((await cloud.get('video')).toString(), 'existing')
  assert.is(await complete({ IfMatch: `"${etag}"` }), 200)
  assert.is((await cloud.get('video')).toString(), 'part one')
  assert.is(await complete({}), 404, 'already completed')
})

test('exactly one of several uploads that complete concurrently creates the object', async () => {
  await using cloud = await startCloud()
  const uploads = await Promise.all(Array.from({ length: 10 }, () => startUpload(cloud, 'video')))
  const statuses = await Promise.all(
    uploads.map(({ id, part }) =>
      statusOf(
        cloud.s3.send(
          new CompleteMultipartUploadCommand({
            Bucket: BUCKET,
            Key: 'video',
            UploadId: id,
            MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part }] },
            IfNoneMatch: '*',
          }),
        ),
      ),
    ),
  )
  assert.equal(tally(statuses), { 200: 1, 412: 9 })
  const losers = uploads.filter((_, n) => statuses[n] !== 200)
  const aborts = losers.map(({ id }) =>
    statusOf(cloud.s3.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key: 'video', UploadId: id }))),
  )
  assert.equal(tally(await Promise.all(aborts)), { 204: 9 })
})

test('reads honour their conditions', async () => {
  await using cloud = await startCloud()
  const etag = await cloud.put('doc', 'existing')
  const other = '"0123456789abcdef0123456789abcdef"'
  const at = { Bucket: BUCKET, Key: 'doc' }
  for (const Command of [GetObjectCommand, HeadObjectCommand]) {
    assert.is(await statusOf(cloud.s3.send(new Command({ ...at, IfMatch: `"${etag}"` }))), 200)
    assert.is(await statusOf(cloud.s3.send(new Command({ ...at, IfMatch: other }))), 412)
    assert.is(await statusOf(cloud.s3.send(new Command({ ...at, IfNoneMatch: `"${etag}"` }))), 304)
    assert.is(await statusOf(cloud.s3.send(new Command({ ...at, IfNoneMatch: other }))), 200)
    assert.is(await statusOf(cloud.s3.send(new Command({ ...at, Key: 'none', IfMatch: other }))), 404)
  }
})

function write({ s3 }: Cloud, body: string, condition: Condition): Promise<number> {
  return statusOf(s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'doc', Body: body, ...condition })))
}

async function refusal(cloud: Cloud, key: string, condition: Condition): Promise<S3ServiceException> {
  try {
    await cloud.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: 'x', ...condition }))
  } catch (error) {
    if (error instanceof S3ServiceException) return error
    throw error
  }
  throw new Error('the write was not refused')
}

async function statusOf(response: Promise<{ $metadata: { httpStatusCode?: number } }>): Promise<number> {
  try {
    return (await response).$metadata.httpStatusCode ?? 0
  } catch (error) {
    if (error instanceof S3ServiceException) return error.$metadata.httpStatusCode ?? 0
    throw error
  }
}

async function startUpload(cloud: Cloud, key: string): Promise<{ id: string; part: string }> {
  const at = { Bucket: BUCKET, Key: key }
  const { UploadId: id = '' } = await cloud.s3.send(new CreateMultipartUploadCommand(at))
  const { ETag: part = '' } = await cloud.s3.send(
    new UploadPartCommand({ ...at, UploadId: id, PartNumber: 1, Body: 'part one' }),
  )
  return { id, part }
}

function openPut(url: string, headers: Record<string, string>) {
  const status = Promise.withResolvers<number>()
  const put = httpRequest(url, { method: 'PUT', headers, agent: false }, (response) => {
    response.resume()
    status.resolve(response.statusCode ?? 0)
  })
  put.once('error', status.reject)
  return {
    write: (text: string) => void put.write(text),
    finish: (text: string) => {
      put.end(text)
      return status.promise
    },
  }
}

function tally(values: readonly number[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}
