import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3'
import { toMessage } from '../vocabulary/errors.ts'
import type { DaemonLog } from '../vocabulary/log.ts'

/** Aborts the open multipart uploads to exactly this key. What cannot be tidied up is logged, and costs no job anything. */
export type AbortStaleUploads = (key: string, signal: AbortSignal) => Promise<void>

/**
 * A daemon that died in the middle of a large upload left parts that nobody sees and everybody pays for. Whoever holds the
 * job's lease and has not begun its own upload yet may end all that are open for an output's key: they are of earlier
 * claims.
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

type Asked = { bucket: string; key: string; signal: AbortSignal }

async function listUploads(client: S3Client, { bucket, key, signal }: Asked): Promise<string[]> {
  const ids: string[] = []
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}
  for (;;) {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, ...marker })
    const page = await client.send(command, { abortSignal: signal })
    // the prefix also finds longer keys
    for (const { Key, UploadId } of page.Uploads ?? []) if (Key === key && UploadId !== undefined) ids.push(UploadId)
    if (!page.IsTruncated || page.NextKeyMarker === undefined || page.NextUploadIdMarker === undefined) return ids
    marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
  }
}
