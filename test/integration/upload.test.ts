import * as assert from 'uvu/assert'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { createUpload } from '../../daemon/storage/upload.ts'
import { openLine } from '../faults/proxy.ts'
import { BUCKET, startCloud } from '../helpers/cloud.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('upload')

const sizes = { 'in one PUT': [1000, 'PUT'], 'in parts': [20 * 1024 ** 2, 'UploadPart'] } as const

for (const [how, [sizeBytes, op]] of Object.entries(sizes)) {
  test(`an upload ${how} that is aborted ends its requests and leaves nothing open`, async () => {
    await using cloud = await startCloud()
    const { s3Endpoint: s3, sqsEndpoint: sqs, env } = cloud.local
    await using line = await openLine({ s3, sqs })
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'file')
    await writeFile(path, Buffer.alloc(sizeBytes))
    const credentials = { accessKeyId: env.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '' }
    const client = new S3Client({ endpoint: line.s3Url, region: 'us-east-1', credentials, forcePathStyle: true })
    const stalled = line.fault({ on: (call) => call.op === op, do: 'stall' })
    const stop = new AbortController()
    const upload = createUpload({ client, bucket: BUCKET })({
      path,
      key: 'file.bin',
      contentType: 'application/octet-stream',
      metadata: {},
      expected: null,
      signal: stop.signal,
    })
    upload.catch(() => undefined) // looked at below
    await until('it is under way', () => stalled.hits > 0)
    const reason = new Error('the lease is lost')
    stop.abort(reason)
    assert.is(await upload.catch((error: unknown) => error), reason)
    await until('its request is gone', () => line.pending === 0, 10)
    const { Uploads = [] } = await cloud.s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
    assert.is(Uploads.length, 0, 'an upload is still open')
    assert.equal(await cloud.list(), [])
    client.destroy()
  })
}
