/** Runs `mediad get` and `mediad url` as processes, on a job document and outputs that the test wrote. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { startCloud } from '../helpers/cloud.ts'
import { document } from '../helpers/fakes.ts'
import { readExports, startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'

const config = `
import { defineConfig } from 'mediad'
import { upload } from 'mediad/plugins'
export default defineConfig({ bucket: 'media', plugins: [upload()],
  queues: { work: { url: 'http://localhost/w' }, inProgress: { url: 'http://localhost/i' }, dead: { url: 'http://localhost/d' } } })`

const test = suite('get and url')

test('get downloads the outputs of a job, url signs a URL of one, and both report what is missing', async () => {
  await using cloud = await startCloud()
  const source = { bucket: 'media', key: 'origin_a.mp4', etag: 'e', sizeBytes: 1 }
  const id = toJobId('media', source.key)
  const etag = await cloud.put('cvted/a b.mp4', 'encoded')
  const output = { kind: 'video', contentType: 'video/mp4', sizeBytes: 7, etag, seconds: 1 }
  const outputs = [
    { ...output, key: 'cvted/a b.mp4' },
    { ...output, key: 'deleted.mp4' },
  ]
  const done = document({ id, source, state: 'succeeded', owner: null, outputs })
  await cloud.put(`.mediad/jobs/${id}.json`, JSON.stringify(done))
  const run = (...args: string[]) =>
    startMediad(args, { env: cloud.local.env, config: { name: 'media.config.mjs', text: config } })

  const getting = run('get', id.slice(0, 8), '--out', 'results')
  const signing = run('url', 'cvted/a b.mp4')
  const missing = run('url', 'deleted.mp4')
  await using get = await getting
  assert.is(await get.ended, 1)
  const [saved, gone] = get.entries
  assert.equal([saved?.key, saved?.ok, gone?.key, gone?.ok], ['cvted/a b.mp4', true, 'deleted.mp4', false])
  assert.is(gone?.problem, 'it is no longer in the bucket')
  assert.is(await readFile(join(get.folder, 'results/cvted/a b.mp4'), 'utf8'), 'encoded')

  await using url = await signing
  assert.is(await url.ended, 0)
  assert.is(await (await fetch(String(url.entries[0]?.url))).text(), 'encoded')
  await using none = await missing
  assert.equal([await none.ended, none.entries[0]?.code], [1, 'object.not_found'])
})

test('local reports on stderr that it is ready, and keeps its environment in a file while it runs', async () => {
  await using local = await startMediad(['local', '--data', 'data'])
  const { text } = await local.waitFor(({ stream }) => stream === 'stderr')
  assert.match(text, /^mediad local is ready: S3 at http:/)
  const file = join(local.folder, 'data/env')
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => ({ stream: 'stdout', text: line }) as const)
  assert.equal(readExports(lines), readExports(local.entries))
  assert.is(readExports(lines).MEDIAD_BUCKET, 'media')
  assert.is(await local.stop(), 0)
  assert.not.ok(existsSync(file))
})
