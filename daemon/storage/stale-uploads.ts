import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** Aborts the open multipart uploads to exactly this key. A failure is logged, and does not affect the job. */
export type AbortStaleUploads = (key: string, signal: AbortSignal) => Promise<void>

/**
 * Creates the cleanup of stale multipart uploads. A daemon that dies during a large upload leaves parts behind, which are
 * invisible but billed. The owner of a job's lease can abort every open upload to an output's key before it starts its own:
 * they belong to earlier claims.
 */
export function createAbortStaleUploads({
  client,
  bucket,
  log,
}: {
  client: S3Client
  bucket: string
  log: DaemonLog
}): AbortStaleUploads {
  return async (key, signal) => {
    try {
      for (const uploadId of await listUploads(client, { bucket, key, signal })) {
        await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }), {
          abortSignal: signal,
        })
        log.info({ event: 'stale_upload.aborted', key }, 'stale multipart upload aborted')
      }
    } catch (error) {
      signal.throwIfAborted()
      log.warn(
        { event: 'stale_upload.cleanup_failed', key, error },
        `cleanup of stale multipart uploads failed: ${toMessage(error)}`,
      )
    }
  }
}

type ListRequest = { bucket: string; key: string; signal: AbortSignal }

async function listUploads(client: S3Client, { bucket, key, signal }: ListRequest): Promise<string[]> {
  const ids: string[] = []
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}
  for (;;) {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, ...marker })
    const page = await client.send(command, { abortSignal: signal })
    // The prefix also matches longer keys.
    for (const { Key, UploadId } of page.Uploads ?? []) if (Key === key && UploadId !== undefined) ids.push(UploadId)
    if (!page.IsTruncated || page.NextKeyMarker === undefined || page.NextUploadIdMarker === undefined) return ids
    marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
  }
}
