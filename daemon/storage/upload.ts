import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Upload } from '@aws-sdk/lib-storage'
import { AbortMultipartUploadCommand, CreateMultipartUploadCommand, type S3Client } from '@aws-sdk/client-s3'
import type { AbortStaleUploads } from './stale-uploads.ts'
import { stripQuotes, toStatus, toStorageError, type Expected, type WriteOutcome } from './storage.ts'

const MiB = 1024 * 1024
/** S3's limit. Larger files get larger parts. */
const MAX_PARTS = 10_000
const PART_BYTES = 8 * MiB
/** Bytes of one read. */
const READ_BYTES = MiB
/** Parts sent at the same time. The memory of one upload is this times the part size. */
const PARALLEL_PARTS = 2

export type FileUpload = {
  path: string
  key: string
  contentType: string
  cacheControl?: string | undefined
  metadata: Readonly<Record<string, string>>
  expected: Expected
  signal: AbortSignal
  /** Receives the fraction uploaded so far, 0 to 1. */
  onProgress?: ((fraction: number) => void) | undefined
}

/** Timeout of the request that aborts the multipart upload after an error. */
const ABORT_TIMEOUT_MS = 3_000

/**
 * Streams a file to S3: in one PUT when it is small, otherwise in parts. When it rejects, none of its requests is in
 * progress, and S3 has been asked to delete its parts.
 */
export type UploadFile = (upload: FileUpload) => Promise<WriteOutcome>

export type UploadDeps = { client: S3Client; bucket: string; abortStaleUploads: AbortStaleUploads }

export function createUpload({ client, bucket, abortStaleUploads }: UploadDeps): UploadFile {
  return async ({ path, key, contentType, cacheControl, metadata, expected, signal, onProgress }) => {
    const { size } = await stat(path)
    signal.throwIfAborted()
    const bound = bind(client, signal)
    const upload = new Upload({
      client: bound.client,
      partSize: Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS)),
      queueSize: PARALLEL_PARTS,
      params: {
        Bucket: bucket,
        Key: key,
        Body: createReadStream(path, { highWaterMark: READ_BYTES }),
        ContentType: contentType,
        ...(cacheControl !== undefined && { CacheControl: cacheControl }),
        Metadata: { ...metadata },
        ...toCondition(expected),
      },
    })
    upload.on('httpUploadProgress', ({ loaded = 0 }) => onProgress?.(Math.min(1, loaded / Math.max(1, size))))
    try {
      const { ETag } = await upload.done()
      if (bound.mayBeOrphaned()) await abortStaleUploads(key, signal)
      return { etag: stripQuotes(ETag) }
    } catch (error) {
      signal.throwIfAborted()
      const status = toStatus(error)
      // 404: the object to replace does not exist, or a repeated completion found its upload completed already.
      if (status === 412 || status === 404) return 'refused'
      if (status === 409) return 'unsettled'
      throw toStorageError(`upload s3://${bucket}/${key}`, error)
    }
  }
}

type Bound = {
  client: S3Client
  /** True when a multipart upload with an unknown id can be open: the response with the id was lost, and the SDK retried. */
  mayBeOrphaned(): boolean
}

/**
 * Binds every request of the client to the signal. `Upload` takes no signal, and its own `abort` rejects at once while
 * requests in progress continue, are retried, and can take effect later. With the bound client they end with the signal,
 * and `Upload` aborts the multipart upload before it rejects.
 */
function bind(client: S3Client, signal: AbortSignal): Bound {
  let repeated = false
  const send = async (command: Parameters<S3Client['send']>[0]) => {
    const isAbort = command instanceof AbortMultipartUploadCommand
    const output = await client.send(command, { abortSignal: isAbort ? AbortSignal.timeout(ABORT_TIMEOUT_MS) : signal })
    if (command instanceof CreateMultipartUploadCommand) repeated ||= (output.$metadata.attempts ?? 1) > 1
    return output
  }
  return { client: Object.assign(Object.create(client) as S3Client, { send }), mayBeOrphaned: () => repeated }
}

function toCondition(expected: Expected): { IfNoneMatch?: string; IfMatch?: string } {
  return expected === null ? { IfNoneMatch: '*' } : { IfMatch: `"${expected}"` }
}
