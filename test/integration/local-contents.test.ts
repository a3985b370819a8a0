import { randomBytes } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { DatabaseSync } from 'node:sqlite'
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import * as assert from 'uvu/assert'
import type { MediadError } from '../../daemon/vocabulary/errors.ts'
import { startLocal } from '../../daemon/local/local.ts'
import { BUCKET, openClients, startCloud, type Clients } from '../helpers/cloud.ts'
import { startCloudProcess } from '../helpers/cloud-process.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('embedded S3: files of objects')
const rest = test.exhaustive

const MiB = 1024 * 1024
const PART_BYTES = 5 * MiB
/** Larger than the socket buffers, so that the server is still reading while the client does not read the response. */
const video = randomBytes(30 * MiB)

rest('a reader can finish an object that was overwritten or deleted; then its files are removed', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const changes = [
    () => cloud.put('video', 'new'),
    () => upload(cloud, 'video', video.subarray(0, PART_BYTES + 1)),
    () => cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'video' })),
  ]
  for (const [n, change] of changes.entries()) {
    await upload(cloud, 'video', video)
    const complete = await openVideo(cloud)
    const range = await openVideo(cloud, `bytes=${PART_BYTES - 10}-`)
    const abandoned = await openVideo(cloud)
    await change()
    const expected = [1, 2, 0][n]
    assert.is((await files(folder.path)).length, 6 + Number(expected), 'still read')
    abandoned.destroy()
    assert.ok((await readAll(complete)).equals(video))
    assert.ok((await readAll(range)).equals(video.subarray(PART_BYTES - 10)))
    await until('the files of the old object are removed', async () => (await files(folder.path)).length === expected)
  }
})

test.exhaustive('the files of a multipart object are removed when it is overwritten or deleted', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const count = async () => (await files(folder.path)).length
  await upload(cloud, 'video', video)
  await upload(cloud, 'video', video)
  assert.is(await count(), 6)
  await cloud.put('video', 'single')
  assert.is(await count(), 1)
  await upload(cloud, 'video', video)
  assert.is(await count(), 6)
  assert.ok((await cloud.get('video')).equals(video))
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'video' }))
  await until('the last reader has finished', async () => (await count()) === 0)
})

test('a copy shares the files of its source, which are removed with the last of the two', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  await upload(cloud, 'video', video)
  const before = await files(folder.path)
  const copy = (Key: string, more: object = {}) =>
    cloud.s3.send(new CopyObjectCommand({ Bucket: BUCKET, Key, CopySource: `${BUCKET}/video`, ...more }))
  await copy('copy')
  await copy('video', { MetadataDirective: 'REPLACE', Metadata: { claim: '2' } })
  assert.equal(await files(folder.path), before)
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'video' }))
  assert.equal([head.Metadata, head.ContentLength], [{ claim: '2' }, video.length])
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'video' }))
  assert.equal(await files(folder.path), before)
  assert.ok((await cloud.get('copy')).equals(video))
  await cloud.put('copy', 'new')
  await until('the last reader has finished', async () => (await files(folder.path)).length === 1)
})

test('a start removes exactly the files that no object and no open upload refers to', async () => {
  await using folder = await temporaryFolder()
  {
    await using cloud = await startCloud({ dataDirectory: folder.path })
    await upload(cloud, 'video', video)
    await cloud.put('doc', 'x')
  }
  const before = await files(folder.path)
  assert.is(before.length, 7)
  await writeFile(join(folder.path, 'objects', 'unused'), 'left by a crash')
  await using cloud = await startCloud({ dataDirectory: folder.path })
  assert.equal(await files(folder.path), before)
  assert.ok((await cloud.get('video')).equals(video))
})

rest('kill -9 during multipart uploads: every object is complete, and no other file remains', async () => {
  await using folder = await temporaryFolder()
  const child = await startCloudProcess(folder.path)
  const clients = openClients(child)
  const confirmed = new Set<string>()
  const bodies = Array.from({ length: 15 }, (_, n) => video.subarray(n * MiB, n * MiB + PART_BYTES + n + 1))
  const uploads = bodies.map(async (body, n) => {
    await upload(clients, `video ${n % 5}`, body)
    confirmed.add(`video ${n % 5}`)
    if (confirmed.size === 4) child.kill()
  })
  await Promise.allSettled(uploads)
  clients.close()
  await child.ended

  await using cloud = await startCloud({ dataDirectory: folder.path })
  const keys = await cloud.list()
  assert.equal(
    [...confirmed].filter((key) => !keys.includes(key)),
    [],
  )
  for (const key of keys) {
    const content = await cloud.get(key)
    assert.ok(
      bodies.some((body) => body.equals(content)),
      `${key} has none of the uploaded contents`,
    )
  }
  const { Uploads = [] } = await cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  for (const { Key, UploadId } of Uploads) {
    await cloud.s3.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId }))
  }
  assert.is((await files(folder.path)).length, keys.length * 2, 'two parts each')
})

test('refuses a data directory of another version, says what to do, and does not change it', async () => {
  await using folder = await temporaryFolder()
  const { path: dataDirectory } = folder
  {
    await using cloud = await startCloud({ dataDirectory })
    await cloud.put('doc', 'x')
  }
  for (const version of [0, 999]) {
    const before = setVersion(join(dataDirectory, 's3.db'), version)
    try {
      await (await startLocal({ dataDirectory })).close()
      assert.unreachable('it started')
    } catch (error) {
      assert.is((error as MediadError).code, 'config.storage')
      assert.match(
        (error as MediadError).message,
        /created by another version of mediad.*Choose another data directory/,
      )
    }
    setVersion(join(dataDirectory, 's3.db'), before)
  }
  await using cloud = await startCloud({ dataDirectory })
  assert.is((await cloud.get('doc')).toString(), 'x')
})

/** Uploads in parts of 5 MiB. */
async function upload({ s3 }: Clients, Key: string, Body: Buffer): Promise<void> {
  await new Upload({ client: s3, partSize: PART_BYTES, params: { Bucket: BUCKET, Key, Body } }).done()
}

/** Returns the body of a response that has started but is not read yet. */
async function openVideo({ s3 }: Clients, Range?: string): Promise<Readable> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'video', ...(Range && { Range }) }))
  return Body as Readable
}

async function readAll(stream: Readable): Promise<Buffer> {
  return Buffer.concat(await stream.toArray())
}

async function files(dataDirectory: string): Promise<string[]> {
  return (await readdir(join(dataDirectory, 'objects'))).toSorted()
}

/** Returns the previous version. */
function setVersion(file: string, version: number): number {
  const database = new DatabaseSync(file)
  try {
    const before = database.prepare('PRAGMA user_version').get()?.user_version
    database.exec(`PRAGMA user_version = ${version}`)
    return Number(before)
  } finally {
    database.close()
  }
}
