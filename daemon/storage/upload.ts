import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Upload } from '@aws-sdk/lib-storage'
import { AbortMultipartUploadCommand, CreateMultipartUploadCommand, type S3Client } from '@aws-sdk/client-s3'
import type { AbortStaleUploads } from './stale-uploads.ts'
import { bare, toStatus, toStorageError, type Expected, type WriteOutcome } from './storage.ts'

const MiB = 1024 * 1024
/** S3 takes 10,000 parts at most; larger files get larger parts. */
const MAX_PARTS = 10_000
const PART_BYTES = 8 * MiB
/** Parts on their way at once; with the part size, the memory one upload takes. */
const PARALLEL_PARTS = 2

export type UploadRequest = {
  path: string
  key: string
  contentType: string
  metadata: Readonly<Record<string, string>>
  expected: Expected
  signal: AbortSignal
  /** Fraction that has arrived, 0 to 1. */
  onProgress?: ((fraction: number) => void) | undefined
}

/** How long an aborted upload may take to tell S3 that its parts are not wanted. */
const TIDY_MS = 3_000

/**
 * Streams a file to S3: in one PUT when it is small, else in parts. When it has rejected, nothing of it is under way any
 * more, and S3 was told to forget its parts.
 */
export type UploadFile = (request: UploadRequest) => Promise<WriteOutcome>

export type UploadDeps = { client: S3Client; bucket: string; abortStaleUploads: AbortStaleUploads }

export function createUpload({ client, bucket, abortStaleUploads }: UploadDeps): UploadFile {
  return async ({ path, key, contentType, metadata, expected, signal, onProgress }) => {
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
        Body: createReadStream(path),
        ContentType: contentType,
        Metadata: { ...metadata },
        ...toCondition(expected),
      },
    })
    upload.on('httpUploadProgress', ({ loaded = 0 }) => onProgress?.(Math.min(1, loaded / Math.max(1, size))))
    try {
      const { ETag } = await upload.done()
      if (bound.mayHaveLeft()) await abortStaleUploads(key, signal)
      return { etag: bare(ETag) }
    } catch (error) {
      signal.throwIfAborted()
      const status = toStatus(error)
      // 404: what was to be replaced is gone, or a repeated completion found its upload completed
      if (status === 412 || status === 404) return 'refused'
      if (status === 409) return 'unsettled'
      throw toStorageError(`upload s3://${bucket}/${key}`, error)
    }
  }
}

type Bound = {
  client: S3Client
  /** Whether an upload may be open that nobody knows the id of: the reply that told it was lost, and another one was begun. */
  mayHaveLeft(): boolean
}

/**
 * `Upload` knows no signal: its own `abort` rejects at once, while requests under way go on, are repeated, and may take
 * effect later. Through this client each of them ends with the signal, and it tidies up before it rejects.
 */
function bind(client: S3Client, signal: AbortSignal): Bound {
  let repeated = false
  const send = async (command: Parameters<S3Client['send']>[0]) => {
    const isTidying = command instanceof AbortMultipartUploadCommand
    const output = await client.send(command, { abortSignal: isTidying ? AbortSignal.timeout(TIDY_MS) : signal })
    if (command instanceof CreateMultipartUploadCommand) repeated ||= (output.$metadata.attempts ?? 1) > 1
    return output
  }
  return { client: Object.assign(Object.create(client) as S3Client, { send }), mayHaveLeft: () => repeated }
}

function toCondition(expected: UploadRequest['expected']): { IfNoneMatch?: string; IfMatch?: string } {
  return expected === null ? { IfNoneMatch: '*' } : { IfMatch: `"${expected}"` }
}
