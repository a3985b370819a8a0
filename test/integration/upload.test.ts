import * as assert from 'uvu/assert'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { createAbortStaleUploads } from '../../daemon/storage/stale-uploads.ts'
import type { WriteOutcome } from '../../daemon/storage/storage.ts'
import { createUpload } from '../../daemon/storage/upload.ts'
import { openFaultProxy, type FaultProxy } from '../faults/proxy.ts'
import { BUCKET, startCloud, type Cloud } from '../helpers/cloud.ts'
import { createTestLog } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('upload')

type Scene = { cloud: Cloud; proxy: FaultProxy; start(sizeBytes: number, signal: AbortSignal): Promise<WriteOutcome> }

/** Starts a store behind a fault proxy, for uploads of files of zeros. */
async function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  await using cloud = await startCloud()
  const { s3Endpoint: s3, sqsEndpoint: sqs, env } = cloud.local
  await using proxy = await openFaultProxy({ s3, sqs })
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file')
  const credentials = { accessKeyId: env.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '' }
  const client = new S3Client({ endpoint: proxy.s3Url, region: 'us-east-1', credentials, forcePathStyle: true })
  const abortStaleUploads = createAbortStaleUploads({ client, bucket: BUCKET, log: createTestLog() })
  const upload = createUpload({ client, bucket: BUCKET, abortStaleUploads })
  const file = { path, key: 'file.bin', contentType: 'application/octet-stream', metadata: {}, expected: null }
  try {
    await body({
      cloud,
      proxy,
      async start(sizeBytes, signal) {
        await writeFile(path, Buffer.alloc(sizeBytes))
        return await upload({ ...file, signal })
      },
    })
  } finally {
    client.destroy()
  }
}

async function countOpen({ s3 }: Cloud): Promise<number> {
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
  return Uploads.length
}

const sizes = { 'in one PUT': [1000, 'PUT'], 'in parts': [20 * 1024 ** 2, 'UploadPart'] } as const

for (const [how, [sizeBytes, op]] of Object.entries(sizes)) {
  test(`an aborted upload ${how} ends its requests and leaves no multipart upload`, () =>
    withScene(async ({ cloud, proxy, start }) => {
      const stalled = proxy.fault({ on: (call) => call.op === op, do: 'stall' })
      const stop = new AbortController()
      const upload = start(sizeBytes, stop.signal)
      upload.catch(() => undefined) // checked below
      await until('the request is sent', () => stalled.hits > 0)
      const reason = new Error('the lease is lost')
      stop.abort(reason)
      assert.is(await upload.catch((error: unknown) => error), reason)
      assert.is(await countOpen(cloud), 0, 'a multipart upload is still open')
      await until('the request has ended', () => proxy.pending === 0)
      assert.equal(await cloud.list(), [])
    }))
}

test('leaves no multipart upload whose CreateMultipartUpload response was lost', () =>
  withScene(async ({ cloud, proxy, start }) => {
    const lost = proxy.fault({ on: ({ op }) => op === 'CreateMultipartUpload', times: 1, do: 'dropReply' })
    await start(sizes['in parts'][0], new AbortController().signal)
    assert.equal([lost.hits, await countOpen(cloud)], [1, 0])
    assert.equal(await cloud.list(), ['file.bin'])
  }))
