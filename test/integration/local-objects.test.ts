import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import * as assert from 'uvu/assert'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('embedded S3: objects')

const difficultKeys = [
  'plain.mp4',
  'two words  and + plus.mp4',
  '100% %2B %20.mp4',
  `'single' "double" \`back\`.mp4`,
  '<tag>&amp;&lt;.mp4',
  '안녕 세상.mp4',
  '😀 clip.mp4',
  '-rf',
  '$(touch x)',
  '; rm -rf ~ | cat #?*!()[]{}=,:@~^\\',
  'line\nfeed\r\ttab',
  '/leading//double/trailing/',
  '../../etc/passwd',
  'a/./../b',
  '.',
  '..',
  '000123',
  ' space around ',
  'x'.repeat(1000),
  ['가'.repeat(80), 'b'.repeat(250), '%'.repeat(250), 'd'.repeat(257)].join('/'),
]

test('stores and lists every key unchanged', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: join(folder.path, 'data') })
  for (const key of difficultKeys) {
    const etag = await cloud.put(key, `content of ${key}`)
    assert.is((await cloud.get(key)).toString(), `content of ${key}`)
    const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }))
    assert.is(head.ETag, `"${etag}"`)
  }
  assert.equal(await cloud.list(), difficultKeys.toSorted(byBytes))
  assert.equal(await readdir(folder.path), ['data'], 'a file was written outside the data directory')
  const deletion = await cloud.s3.send(
    new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: difficultKeys.map((Key) => ({ Key })) } }),
  )
  assert.is(deletion.Deleted?.length, difficultKeys.length)
  assert.equal(await cloud.list(), [])
})

test('a presigned PUT works with fetch alone, for every key', async () => {
  await using cloud = await startCloud()
  for (const key of difficultKeys.filter((key) => !/(^|\/)\.\.?(\/|$)/.test(key))) {
    const url = await getSignedUrl(cloud.s3, new PutObjectCommand({ Bucket: BUCKET, Key: key }))
    const response = await fetch(url, { method: 'PUT', body: `by fetch: ${key}` })
    assert.is(response.status, 200, `${key}: ${await response.text()}`)
    assert.is((await cloud.get(key)).toString(), `by fetch: ${key}`)
  }
})

test('stores metadata, and a new write replaces all of it', async () => {
  await using cloud = await startCloud()
  const at = { Bucket: BUCKET, Key: 'clip' }
  await cloud.s3.send(
    new PutObjectCommand({
      ...at,
      Body: 'x',
      ContentType: 'video/mp4',
      CacheControl: 'no-store',
      Metadata: { claim: '7' },
    }),
  )
  const first = await cloud.s3.send(new HeadObjectCommand(at))
  assert.equal([first.ContentType, first.CacheControl, first.Metadata], ['video/mp4', 'no-store', { claim: '7' }])
  assert.is(first.ContentLength, 1)
  await cloud.s3.send(new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy +%', CopySource: `${BUCKET}/clip` }))
  const copy = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'copy +%' }))
  assert.equal([copy.ContentType, copy.Metadata], ['video/mp4', { claim: '7' }])
  await cloud.put('clip', 'y')
  const second = await cloud.s3.send(new HeadObjectCommand(at))
  assert.equal([second.ContentType, second.CacheControl, second.Metadata], ['application/octet-stream', undefined, {}])
})

test('copies from every key', async () => {
  await using cloud = await startCloud()
  const keys = difficultKeys.filter((key) => Buffer.byteLength(key) < 500)
  for (const key of keys) {
    await cloud.put(key, `content of ${key}`)
    const CopySource = `${BUCKET}/${encodeURIComponent(key)}`
    await cloud.s3.send(new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy', CopySource }))
    assert.is((await cloud.get('copy')).toString(), `content of ${key}`)
  }
})

test('serves ranges', async () => {
  await using cloud = await startCloud()
  await cloud.put('digits', '0123456789')
  const cases = [
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=8-99', '89', 'bytes 8-9/10'],
    ['bytes=4-2', '0123456789', undefined],
    ['pages=1-2', '0123456789', undefined],
  ] as const
  for (const [Range, text, ContentRange] of cases) {
    const response = await cloud.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'digits', Range }))
    assert.is(await response.Body?.transformToString(), text, Range)
    assert.is(response.ContentRange, ContentRange, Range)
    assert.is(response.ContentLength, text.length, Range)
    assert.is(response.$metadata.httpStatusCode, ContentRange === undefined ? 200 : 206, Range)
  }
  await refused(
    cloud.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'digits', Range: 'bytes=10-' })),
    'InvalidRange',
    416,
  )
  await cloud.put('empty', '')
  assert.is((await cloud.get('empty')).length, 0)
})

test('an interrupted PUT stores nothing, sends no notification, and keeps the existing object', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  await cloud.put('old', 'existing')
  const blobs = () => readdir(join(folder.path, 'objects'))
  for (const key of ['old', 'new']) {
    const url = await getSignedUrl(cloud.s3, new PutObjectCommand({ Bucket: BUCKET, Key: key }))
    await interruptPut(url, async () => (await blobs()).length > 1)
    await until('the interrupted write is cleaned up', async () => (await blobs()).length === 1)
  }
  assert.equal(await cloud.list(), ['old'])
  assert.is((await cloud.get('old')).toString(), 'existing')
  assert.is((await cloud.messages(cloud.local.queueUrls.work)).visible, 1)
})

test('refuses wrong checksums and stores nothing', async () => {
  await using cloud = await startCloud()
  const at = { Bucket: BUCKET, Key: 'sum', Body: 'content' }
  const sha256 = createHash('sha256').update('content').digest('base64')
  const md5 = createHash('md5').update('content').digest('base64')
  await refused(cloud.s3.send(new PutObjectCommand({ ...at, ChecksumCRC32: 'AAAAAA==' })), 'BadDigest', 400)
  await refused(cloud.s3.send(new PutObjectCommand({ ...at, ChecksumSHA256: md5.padEnd(44, 'A') })), 'BadDigest', 400)
  await refused(
    cloud.s3.send(new PutObjectCommand({ ...at, ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' })),
    'BadDigest',
    400,
  )
  assert.equal(await cloud.list(), [])
  await cloud.s3.send(new PutObjectCommand({ ...at, ChecksumSHA256: sha256, ContentMD5: md5 }))
  await cloud.s3.send(new PutObjectCommand({ ...at, ChecksumAlgorithm: 'CRC32' }))
  assert.is((await cloud.get('sum')).toString(), 'content')
})

test('lists in pages, groups by delimiter, and sorts by bytes', async () => {
  await using cloud = await startCloud()
  const keys = ['a/1', 'a/2', 'b', 'c/x/1', 'c/y', 'd', '\u{ffff}', '😀']
  for (const key of keys) await cloud.put(key, 'x')
  const page = async (query: object) => {
    const found: string[] = []
    let token: string | undefined
    do {
      const response = await cloud.s3.send(
        new ListObjectsV2Command({ Bucket: BUCKET, MaxKeys: 2, ...query, ...(token && { ContinuationToken: token }) }),
      )
      found.push(...(response.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix))
      found.push(...(response.Contents ?? []).map(({ Key = '' }) => Key))
      assert.ok((response.KeyCount ?? 0) <= 2)
      token = response.NextContinuationToken
    } while (token !== undefined)
    return found
  }
  assert.equal(await page({}), keys)
  assert.equal((await page({ Delimiter: '/' })).toSorted(byBytes), ['a/', 'b', 'c/', 'd', '\u{ffff}', '😀'])
  assert.equal(await page({ Prefix: 'c/', Delimiter: '/' }), ['c/x/', 'c/y'])
  assert.equal(await page({ StartAfter: 'c/x/1' }), ['c/y', 'd', '\u{ffff}', '😀'])
})

test('returns 404 for missing objects and buckets', async () => {
  await using cloud = await startCloud()
  await refused(cloud.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'none' })), 'NoSuchKey', 404)
  await refused(cloud.s3.send(new PutObjectCommand({ Bucket: 'nowhere', Key: 'x', Body: 'x' })), 'NoSuchBucket', 404)
  await refused(cloud.s3.send(new HeadBucketCommand({ Bucket: 'nowhere' })), 'NotFound', 404)
  await cloud.s3.send(new HeadBucketCommand({ Bucket: BUCKET }))
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'none' }))
})

async function refused(request: Promise<unknown>, name: string, status: number): Promise<void> {
  try {
    await request
  } catch (error) {
    const { $metadata } = error as { $metadata?: { httpStatusCode?: number } }
    assert.equal([(error as Error).name, $metadata?.httpStatusCode], [name, status])
    return
  }
  throw new Error(`the request was not refused with ${name}`)
}

/** Declares a megabyte, sends half of it, and disconnects once the server has started to write. */
async function interruptPut(url: string, started: () => Promise<boolean>): Promise<void> {
  const put = httpRequest(url, { method: 'PUT', headers: { 'content-length': '1000000' }, agent: false })
  const closed = Promise.withResolvers<void>()
  put.once('error', () => undefined).once('close', closed.resolve)
  put.write(Buffer.alloc(500_000))
  await until('the server writes', started)
  put.destroy()
  await closed.promise
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
