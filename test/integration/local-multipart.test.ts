import { createHash, randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import * as assert from 'uvu/assert'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('embedded S3: multipart uploads')

const MiB = 1024 * 1024
const video = randomBytes(11 * MiB)

test('lib-storage uploads a stream in parts, and creates the object only once', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const upload = () => {
    const Body = Readable.from(slices(video, 64 * 1024))
    const params = { Bucket: BUCKET, Key: 'videos/one', Body, ContentType: 'video/mp4', Metadata: { claim: '1' } }
    return new Upload({ client: cloud.s3, partSize: 5 * MiB, params: { ...params, IfNoneMatch: '*' } })
  }
  await upload().done()
  assert.ok((await cloud.get('videos/one')).equals(video))
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'videos/one' }))
  assert.is(head.ETag, `"${multipartEtag(slices(video, 5 * MiB))}"`)
  assert.equal([head.ContentType, head.Metadata, head.ContentLength], ['video/mp4', { claim: '1' }, video.length])
  await failsWith('PreconditionFailed', upload().done())
  assert.equal(await openUploads(cloud), [], 'lib-storage aborted the refused upload')
  assert.is((await readdir(join(folder.path, 'objects'))).length, 3, 'the files of the refused upload were removed')
})

test('lists parts in pages, replaces them, and copies them from an object', async () => {
  await using cloud = await startCloud()
  const at = { Bucket: BUCKET, Key: 'video' }
  const UploadId = await startUpload(cloud, 'video')
  await cloud.put('source', 'copied')
  for (const [PartNumber, Body] of [
    [1, 'one'],
    [2, 'two'],
    [2, 'two again'],
    [7, 'seven'],
  ] as const) {
    await cloud.s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber, Body }))
  }
  await cloud.s3.send(new UploadPartCopyCommand({ ...at, UploadId, PartNumber: 9, CopySource: `${BUCKET}/source` }))
  const first = await cloud.s3.send(new ListPartsCommand({ ...at, UploadId, MaxParts: 3 }))
  assert.equal(
    first.Parts?.map((part) => [part.PartNumber, part.Size]),
    [
      [1, 3],
      [2, 9],
      [7, 5],
    ],
  )
  assert.is(first.IsTruncated, true)
  const rest = await cloud.s3.send(
    new ListPartsCommand({ ...at, UploadId, PartNumberMarker: first.NextPartNumberMarker ?? '' }),
  )
  assert.equal(
    rest.Parts?.map((part) => [part.PartNumber, part.Size]),
    [[9, 6]],
  )
  assert.is(rest.IsTruncated, false)
})

test('a completion follows the rules for parts', async () => {
  await using cloud = await startCloud()
  const UploadId = await startUpload(cloud, 'video')
  const at = { Bucket: BUCKET, Key: 'video', UploadId }
  const put = async (PartNumber: number, Body: Buffer | string) => ({
    PartNumber,
    ETag: (await cloud.s3.send(new UploadPartCommand({ ...at, PartNumber, Body }))).ETag ?? '',
  })
  const complete = (Parts: { PartNumber: number; ETag: string }[]) =>
    cloud.s3.send(new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts } }))
  const large = await put(1, video.subarray(0, 5 * MiB))
  const small = await put(2, 'small')
  const end = await put(3, 'end')
  await failsWith('InvalidPartOrder', complete([small, large]))
  await failsWith('InvalidPart', complete([large, { PartNumber: 2, ETag: large.ETag }]))
  await failsWith('InvalidPart', complete([large, { PartNumber: 4, ETag: end.ETag }]))
  await failsWith('EntityTooSmall', complete([large, small, end]))
  await failsWith('InvalidArgument', put(0, 'x'))
  await failsWith('InvalidArgument', put(10_001, 'x'))
  assert.equal(await cloud.list(), [])
  await complete([large, end])
  assert.ok((await cloud.get('video')).equals(Buffer.concat([video.subarray(0, 5 * MiB), Buffer.from('end')])))
})

test('a completion copies nothing: the object uses the files of its parts, and other parts are removed', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const UploadId = await startUpload(cloud, 'video')
  const at = { Bucket: BUCKET, Key: 'video', UploadId }
  const bodies = [...slices(video, 5 * MiB), Buffer.from('omitted'), Buffer.from('end')]
  const parts: { PartNumber: number; ETag: string }[] = []
  for (const [n, Body] of bodies.entries()) {
    const { ETag = '' } = await cloud.s3.send(new UploadPartCommand({ ...at, PartNumber: n + 1, Body }))
    parts.push({ PartNumber: n + 1, ETag })
  }
  const before = await blobFiles(folder.path)
  const Parts = parts.filter(({ PartNumber }) => ![3, 4].includes(PartNumber))
  await cloud.s3.send(new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts } }))
  const after = await blobFiles(folder.path)
  assert.equal([before.length, after.length], [5, 3])
  assert.equal(
    after.filter((file) => !before.includes(file)),
    [],
    'a file was created, moved or modified',
  )
  assert.ok((await cloud.get('video')).equals(Buffer.concat([video.subarray(0, 10 * MiB), Buffer.from('end')])))
})

test('serves ranges within a part, up to its boundary and across it', async () => {
  await using cloud = await startCloud()
  await uploadVideo(cloud, 'video')
  const [boundary, second, last] = [5 * MiB, 10 * MiB, video.length - 1]
  const cases = [
    [0, 0],
    [boundary - 1, boundary - 1],
    [boundary, boundary],
    [boundary - 1, boundary],
    [boundary - 70_000, boundary + 70_000],
    [boundary, second - 1],
    [boundary - 1, second],
    [second, last],
    [0, last],
  ] as const
  for (const [start, end] of cases) {
    const Range = `bytes=${start}-${end}`
    const response = await cloud.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'video', Range }))
    const body = Buffer.from((await response.Body?.transformToByteArray()) ?? [])
    assert.ok(body.equals(video.subarray(start, end + 1)), Range)
    assert.is(response.ContentRange, `bytes ${start}-${end}/${video.length}`)
  }
  const suffix = await cloud.s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'video', Range: `bytes=-${2 * MiB}` }))
  assert.ok(Buffer.from((await suffix.Body?.transformToByteArray()) ?? []).equals(video.subarray(-2 * MiB)))
})

test('exactly one of several concurrent completions of one upload succeeds', async () => {
  await using cloud = await startCloud()
  const UploadId = await startUpload(cloud, 'video')
  const at = { Bucket: BUCKET, Key: 'video', UploadId }
  const { ETag = '' } = await cloud.s3.send(new UploadPartCommand({ ...at, PartNumber: 1, Body: video }))
  const command = { ...at, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }
  const responses = Array.from({ length: 8 }, () =>
    cloud.s3.send(new CompleteMultipartUploadCommand(command)).then(
      () => 'done',
      (error: Error) => error.name,
    ),
  )
  const names = (await Promise.all(responses)).toSorted()
  assert.equal(names, [...Array.from({ length: 7 }, () => 'NoSuchUpload'), 'done'])
  assert.ok((await cloud.get('video')).equals(video))
  assert.is((await cloud.messages(cloud.local.queueUrls.work)).visible, 1)
})

test('an aborted upload is removed with its parts, and accepts no more', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const UploadId = await startUpload(cloud, 'video')
  const at = { Bucket: BUCKET, Key: 'video', UploadId }
  await cloud.s3.send(new UploadPartCommand({ ...at, PartNumber: 1, Body: 'one' }))
  await failsWith('NoSuchUpload', cloud.s3.send(new ListPartsCommand({ ...at, Key: 'other' })))
  await cloud.s3.send(new AbortMultipartUploadCommand(at))
  await failsWith('NoSuchUpload', cloud.s3.send(new UploadPartCommand({ ...at, PartNumber: 2, Body: 'two' })))
  await failsWith('NoSuchUpload', cloud.s3.send(new ListPartsCommand(at)))
  await failsWith('NoSuchUpload', cloud.s3.send(new AbortMultipartUploadCommand(at)))
  assert.equal(await readdir(join(folder.path, 'objects')), [])
  assert.equal(await cloud.list(), [])
})

test('lists open uploads by key, in pages', async () => {
  await using cloud = await startCloud()
  for (const key of ['b', 'a/2', 'a/1', 'a/1']) await startUpload(cloud, key)
  const all = await cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  assert.equal(
    all.Uploads?.map(({ Key }) => Key),
    ['a/1', 'a/1', 'a/2', 'b'],
  )
  const first = await cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: 'a/', MaxUploads: 1 }))
  assert.equal([first.Uploads?.length, first.IsTruncated], [1, true])
  const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = first
  const rest = await cloud.s3.send(
    new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: 'a/', KeyMarker, UploadIdMarker }),
  )
  assert.equal(
    rest.Uploads?.map(({ Key }) => Key),
    ['a/1', 'a/2'],
  )
  assert.is.not(rest.Uploads?.[0]?.UploadId, first.Uploads?.[0]?.UploadId)
})

async function startUpload(cloud: Cloud, key: string): Promise<string> {
  const { UploadId = '' } = await cloud.s3.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: key }))
  return UploadId
}

/** Uploads the video in three parts. */
async function uploadVideo(cloud: Cloud, Key: string): Promise<void> {
  await new Upload({ client: cloud.s3, partSize: 5 * MiB, params: { Bucket: BUCKET, Key, Body: video } }).done()
}

/** Identifies each file, with its modification time. */
async function blobFiles(dataDirectory: string): Promise<string[]> {
  const names = await readdir(join(dataDirectory, 'objects'))
  const files = names.map(async (name) => {
    const { ino, size, mtimeNs } = await stat(join(dataDirectory, 'objects', name), { bigint: true })
    return [name, ino, size, mtimeNs].join(' ')
  })
  return Promise.all(files)
}

async function openUploads(cloud: Cloud): Promise<unknown[]> {
  return (await cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads ?? []
}

function slices(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size))
}

function multipartEtag(parts: readonly Buffer[]): string {
  const digests = parts.map((part) => createHash('md5').update(part).digest())
  return `${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-${parts.length}`
}

async function failsWith(name: string, request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    assert.is((error as Error).name, name)
    return
  }
  throw new Error(`the request did not fail with ${name}`)
}
