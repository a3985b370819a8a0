/** `mediad/client` against a daemon with the embedded S3. Its failures are tested with a fake server: test/unit/client-*.test.ts. */
import { createClient, JobDeadError, type Upload } from 'mediad/client'
import * as assert from 'uvu/assert'
import { errorOf, makeLargeVideo } from '../helpers/client.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const MiB = 2 ** 20
const inParts = { multipartAboveBytes: 0, partBytes: 5 * MiB, parallel: 1 }
const config = `
import { defineConfig, env } from 'mediad'
import { thumbnail, upload } from 'mediad/plugins'

export default defineConfig({
  bucket: env('MEDIAD_BUCKET', 'media'),
  queues: {
    work: { url: env('MEDIAD_WORK_QUEUE_URL') },
    inProgress: { url: env('MEDIAD_IN_PROGRESS_QUEUE_URL') },
    dead: { url: env('MEDIAD_DEAD_QUEUE_URL') },
  },
  http: { outputUrls: true },
  plugins: [thumbnail(), upload()],
})
`

const test = suite('client')

test('uploads a file in two sessions, follows its job, and reports a file that is not media', async () => {
  await using mediad = await startMediad(['start', '--local', '--port', '0'], { config })
  const client = createClient({ endpoint: await mediad.started() })
  const file = new File([await makeLargeVideo()], 'my video.mp4', { type: 'video/mp4', lastModified: 1 })

  const leaving = new AbortController()
  const first = client.upload(file, { ...inParts, signal: leaving.signal, onProgress: () => leaving.abort() })
  assert.is((await errorOf(first.done)).name, 'AbortError')
  const state = first.state ?? undefined
  assert.ok(state)
  const sent: number[] = []
  const { done } = client.upload(file, { state, parallel: 1, onProgress: ({ sentBytes }) => sent.push(sentBytes) })
  const result = await done
  assert.equal([result.id, result.key], [state.id, state.key])
  assert.equal(sent, [5 * MiB, 10 * MiB, file.size], 'the first part was not sent again')

  const types: string[] = []
  for await (const { type, job } of client.watch(result)) {
    types.push(type)
    assert.is(job.id, result.id)
  }
  assert.is(types.at(-1), 'succeeded')
  const job = await client.wait(result)
  assert.equal(
    job.outputs.map(({ kind }) => kind),
    ['thumbnail'],
  )
  assert.is(job.source.sizeBytes, file.size)
  const withUrls = await client.job(result, { urls: true })
  assert.is((await fetch(withUrls?.outputs[0]?.url ?? '')).status, 200)

  const text = await client.upload(new Blob(['not media']), { filename: 'a.mp4' }).done
  const error = await errorOf(client.wait(text))
  assert.instance(error, JobDeadError)
  assert.is(error.code, 'input.not_media')

  const ids: string[] = []
  for await (const { id } of client.jobs({ limit: 1 })) ids.push(id)
  assert.equal(ids, [text.id, result.id])
  await assertCancelled(client.upload(file, inParts), mediad.url)
  assert.is(await mediad.stop(), 0)
})

/** Cancels an upload that has begun, and checks that nothing is left of it. */
async function assertCancelled(upload: Upload, url: string): Promise<void> {
  const state = await until('the upload has begun', () => upload.state)
  await upload.cancel()
  assert.is((await errorOf(upload.done)).name, 'AbortError')
  const path = `/s3/multipart/${encodeURIComponent(state.uploadId)}?key=${encodeURIComponent(state.key)}`
  assert.is((await fetch(url + path)).status, 410)
}
