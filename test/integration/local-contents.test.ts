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

const test = suite('local S3: the files that objects are made of')
const rest = test.exhaustive

const MiB = 1024 * 1024
const PART_BYTES = 5 * MiB
/** More than the sockets between server and client can hold, so that an unread answer is still being read by the server. */
const film = randomBytes(30 * MiB)

rest('a reader gets its object to the end, whether that is overwritten or deleted; then its files go', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const changes = [
    () => cloud.put('film', 'new'),
    () => upload(cloud, 'film', film.subarray(0, PART_BYTES + 1)),
    () => cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'film' })),
  ]
  for (const [n, change] of changes.entries()) {
    await upload(cloud, 'film', film)
    const whole = await openFilm(cloud)
    const border = await openFilm(cloud, `bytes=${PART_BYTES - 10}-`)
    const gone = await openFilm(cloud)
    await change()
    const now = [1, 2, 0][n]
    assert.is((await files(folder.path)).length, 6 + Number(now), 'still needed')
    gone.destroy()
    assert.ok((await readAll(whole)).equals(film))
    assert.ok((await readAll(border)).equals(film.subarray(PART_BYTES - 10)))
    await until('the files of the old object are gone', async () => (await files(folder.path)).length === now)
  }
})

test('an object made of parts leaves no file when it is overwritten, by parts or whole, or deleted', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  const count = async () => (await files(folder.path)).length
  await upload(cloud, 'film', film)
  await upload(cloud, 'film', film)
  assert.is(await count(), 6)
  await cloud.put('film', 'whole')
  assert.is(await count(), 1)
  await upload(cloud, 'film', film)
  assert.is(await count(), 6)
  assert.ok((await cloud.get('film')).equals(film))
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'film' }))
  await until('the last reader is through', async () => (await count()) === 0)
})

test('a copy shares the files of its source, and they go with the last of the two', async () => {
  await using folder = await temporaryFolder()
  await using cloud = await startCloud({ dataDirectory: folder.path })
  await upload(cloud, 'film', film)
  const before = await files(folder.path)
  const copy = (Key: string, more: object = {}) =>
    cloud.s3.send(new CopyObjectCommand({ Bucket: BUCKET, Key, CopySource: `${BUCKET}/film`, ...more }))
  await copy('copy')
  await copy('film', { MetadataDirective: 'REPLACE', Metadata: { claim: '2' } })
  assert.equal(await files(folder.path), before)
  const head = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'film' }))
  assert.equal([head.Metadata, head.ContentLength], [{ claim: '2' }, film.length])
  await cloud.s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'film' }))
  assert.equal(await files(folder.path), before)
  assert.ok((await cloud.get('copy')).equals(film))
  await cloud.put('copy', 'new')
  await until('the last reader is through', async () => (await files(folder.path)).length === 1)
})

test('a start removes the files that no object and no open upload refers to, and no other', async () => {
  await using folder = await temporaryFolder()
  {
    await using cloud = await startCloud({ dataDirectory: folder.path })
    await upload(cloud, 'film', film)
    await cloud.put('doc', 'x')
  }
  const before = await files(folder.path)
  assert.is(before.length, 7)
  await writeFile(join(folder.path, 'objects', 'stray'), 'what a crash left')
  await using cloud = await startCloud({ dataDirectory: folder.path })
  assert.equal(await files(folder.path), before)
  assert.ok((await cloud.get('film')).equals(film))
})

rest('kill -9 amid multipart uploads: each object is whole, and made of all the files that are left', async () => {
  await using folder = await temporaryFolder()
  const child = await startCloudProcess(folder.path)
  const clients = openClients(child)
  const answered = new Set<string>()
  const bodies = Array.from({ length: 15 }, (_, n) => film.subarray(n * MiB, n * MiB + PART_BYTES + n + 1))
  const uploads = bodies.map(async (body, n) => {
    await upload(clients, `film ${n % 5}`, body)
    answered.add(`film ${n % 5}`)
    if (answered.size === 4) child.kill()
  })
  await Promise.allSettled(uploads)
  clients.close()
  await child.ended

  await using cloud = await startCloud({ dataDirectory: folder.path })
  const keys = await cloud.list()
  assert.equal(
    [...answered].filter((key) => !keys.includes(key)),
    [],
  )
  for (const key of keys) {
    const content = await cloud.get(key)
    assert.ok(
      bodies.some((body) => body.equals(content)),
      `${key} is none of what was uploaded`,
    )
  }
  const { Uploads = [] } = await cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  for (const { Key, UploadId } of Uploads) {
    await cloud.s3.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId }))
  }
  assert.is((await files(folder.path)).length, keys.length * 2, 'two parts each')
})

test('a data directory of another version is refused, with the way out, and left as it is', async () => {
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
      assert.match((error as MediadError).message, /made by another version of mediad.*choose another data directory/)
    }
    setVersion(join(dataDirectory, 's3.db'), before)
  }
  await using cloud = await startCloud({ dataDirectory })
  assert.is((await cloud.get('doc')).toString(), 'x')
})

/** In parts of 5 MiB. */
async function upload({ s3 }: Clients, Key: string, Body: Buffer): Promise<void> {
  await new Upload({ client: s3, partSize: PART_BYTES, params: { Bucket: BUCKET, Key, Body } }).done()
}

/** An answer that has begun, and waits to be read. */
async function openFilm({ s3 }: Clients, Range?: string): Promise<Readable> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'film', ...(Range && { Range }) }))
  return Body as Readable
}

async function readAll(stream: Readable): Promise<Buffer> {
  return Buffer.concat(await stream.toArray())
}

async function files(dataDirectory: string): Promise<string[]> {
  return (await readdir(join(dataDirectory, 'objects'))).toSorted()
}

/** Returns what it was before. */
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
