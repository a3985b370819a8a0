import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { createPresign } from '../../daemon/storage/presign.ts'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { makeConfig, post, startEdge } from '../helpers/edge.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { findProgram } from '../helpers/terraform.ts'
import { until } from '../helpers/wait.ts'

const test = suite('presigned uploads')

let cloud: Cloud
test.before(async () => {
  cloud = await startCloud()
})
test.after(async () => {
  await cloud[Symbol.asyncDispose]()
})

const presignFor = (urlSeconds = 900) => createPresign({ client: cloud.s3, bucket: BUCKET, urlSeconds })

/** The body is a Buffer, for which fetch adds no content type. */
async function put(url: string, body: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { method: 'PUT', body: Buffer.from(body), headers })
  await response.arrayBuffer()
  return response.status
}

const typeOf = async (key: string) =>
  (await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }))).ContentType

test('a URL without a stated type or size accepts any file', async () => {
  const { url, headers } = await presignFor()({ key: 'origin_any.mp4' })
  assert.equal(headers, {})
  assert.not.match(url, /checksum/i)
  assert.is(await put(url, 'not really a video'), 200)
  assert.is((await cloud.get('origin_any.mp4')).toString(), 'not really a video')
})

if (!findProgram('curl')) test.skip('a URL without a stated type or size works with curl', 'curl not found')
else
  test('a URL without a stated type or size works with curl', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'clip.mp4')
    await writeFile(file, 'not really a video')
    const { url } = await presignFor()({ key: 'origin_curl.mp4' })
    const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '-T', file, url]
    const { stdout } = await promisify(execFile)('curl', args)
    assert.is(stdout, '200')
    assert.is((await cloud.get('origin_curl.mp4')).toString(), 'not really a video')
  })

test('a URL without a stated type keeps the content type that the client sends', async () => {
  const { url } = await presignFor()({ key: 'origin_own.webm' })
  assert.is(await put(url, 'abc', { 'content-type': 'video/webm' }), 200)
  assert.is(await typeOf('origin_own.webm'), 'video/webm')
})

test('enforces a stated content type, including its parameters', async () => {
  for (const [n, contentType] of ['video/mp4', 'video/webm;codecs="vp9, opus"'].entries()) {
    const key = `origin_type-${n}.mp4`
    const { url, headers } = await presignFor()({ key, contentType })
    assert.equal(headers, { 'content-type': contentType })
    assert.is(await put(url, 'abc', { 'content-type': 'text/html' }), 403)
    assert.is(await put(url, 'abc'), 403)
    assert.is(await put(url, 'abc', headers), 200)
    assert.is(await typeOf(key), contentType)
  }
})

test('enforces a stated size', async () => {
  const { url, headers } = await presignFor()({ key: 'origin_size.mp4', sizeBytes: 5 })
  assert.equal(headers, { 'content-length': '5' })
  assert.is(await put(url, '123456'), 403)
  assert.is(await put(url, '1234'), 403)
  assert.is(await put(url, '12345'), 200)
  assert.is((await cloud.get('origin_size.mp4')).toString(), '12345')
})

test('enforces a stated content type and size together', async () => {
  const { url, headers } = await presignFor()({ key: 'origin_both.mp4', contentType: 'video/mp4', sizeBytes: 3 })
  assert.equal(headers, { 'content-type': 'video/mp4', 'content-length': '3' })
  assert.is(await put(url, '1234', { 'content-type': 'video/mp4' }), 403)
  assert.is(await put(url, '123', { 'content-type': 'audio/mp4' }), 403)
  assert.is(await put(url, '123', { 'content-type': 'video/mp4' }), 200)
})

test('a URL is valid for one key and one method', async () => {
  const { url } = await presignFor()({ key: 'origin_mine.mp4' })
  assert.is(await put(url.replace('origin_mine', 'origin_yours'), 'abc'), 403)
  for (const method of ['GET', 'DELETE']) {
    const response = await fetch(url, { method })
    await response.arrayBuffer()
    assert.is(response.status, 403, method)
  }
  assert.is(await put(url.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=90000'), 'abc'), 403)
})

test('rejects an expired URL', async () => {
  const { url } = await presignFor(1)({ key: 'origin_late.mp4' })
  await until('the URL has expired', async () => (await put(url, 'abc')) === 403)
})

test('keeps keys with special characters unchanged', async () => {
  for (const key of [
    'origin_a b+c%20d&e=f?g#h.mp4',
    'origin_日本-Übung.mp4',
    "origin_'(!*)~@:,;$.mp4",
    'in/some/folder/a.mp4',
    'origin_e\u0301.mp4',
  ]) {
    const { url } = await presignFor()({ key })
    assert.is(await put(url, key), 200, key)
    assert.is((await cloud.get(key)).toString(), key)
  }
})

test('the upload is stored under the key in the HTTP response', async () => {
  await using edge = await startEdge({ presign: presignFor(), config: makeConfig({ bucket: BUCKET }) })
  for (const filename of [
    '../../Ünï cødé 日本.MP4',
    'a\u0000b\n.mkv',
    `${'夏'.repeat(200)}.mov`,
    '😀'.repeat(100),
    "'; rm -rf ~ #.mp4",
    '',
  ]) {
    const { body } = await post(edge.url, { filename, contentType: 'video/mp4', size: 4 })
    const key = String(body.key)
    assert.is(body.id, toJobId(BUCKET, key))
    assert.is(await put(String(body.preSignedUrl), 'data', body.headers as Record<string, string>), 200, key)
    assert.is((await cloud.get(key)).toString(), 'data')
  }
})
