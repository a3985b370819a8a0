/** Runs the commands and the code of docs/uploads.md that the other test of the docs does not run. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import * as assert from 'uvu/assert'
import { toJobId } from '../../daemon/vocabulary/job.ts'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { serveUploads } from '../helpers/companion.ts'
import { makeConfig } from '../helpers/edge.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { readDocs } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'
import { findProgram } from '../helpers/terraform.ts'
import { createUploadDeps } from '../helpers/uploads.ts'

const docs = readDocs(join(import.meta.dirname, '../..'))
const execute = promisify(execFile)
/** Both programs upload a file of this size in parts. */
const BYTES = 17 * 1024 ** 2

const test = suite('commands of docs/uploads.md', { exhaustive: true })

let cloud: Cloud
test.before(async () => {
  cloud = await startCloud()
})
test.after(async () => {
  await cloud[Symbol.asyncDispose]()
})

for (const program of ['aws', 'rclone']) {
  if (!findProgram(program)) test.skip(program, `${program} not found`)
  else
    test(program, async () => {
      await using folder = await temporaryFolder()
      const content = randomBytes(BYTES)
      await writeFile(join(folder.path, 'video.mp4'), content)
      const env = { ...process.env, ...cloud.local.env, HOME: folder.path }
      for (const name of cloud.local.unset) delete (env as Record<string, unknown>)[name]
      await execute('bash', ['-euc', docs.marked('docs/uploads.md', 'upload', program)], { cwd: folder.path, env })
      assert.ok((await cloud.get('origin_video.mp4')).equals(content))
    })
}

test('a page without a library', async () => {
  await using server = await serveUploads(createUploadDeps(cloud.s3, makeConfig({ bucket: BUCKET })))
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'upload.mts')
  const code = docs.marked('docs/uploads.md', 'file', 'page/upload.ts')
  await writeFile(file, code.replace('http://localhost:3000', server.url))
  const { upload } = (await import(file)) as { upload(file: File): Promise<string> }
  const id = await upload(new File(['not really a video'], 'My clip.mp4', { type: 'video/mp4' }))
  const [key = ''] = await cloud.list('origin_')
  assert.is(id, toJobId(BUCKET, key))
  assert.is((await cloud.get(key)).toString(), 'not really a video')
  const { ContentType, Metadata } = await cloud.s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }))
  assert.equal([ContentType, Metadata], ['video/mp4', { filename: 'My%20clip.mp4' }])
  const refused = upload(new File(['<html>'], 'a.html', { type: 'text/html' }))
  assert.match(String(await refused.catch((error: unknown) => error)), /contentType: must be video/)
})
