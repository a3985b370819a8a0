import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  S3ServiceException,
  UploadPartCommand,
  type Part,
  type S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { toSigningDate } from '../presign.ts'
import { stripQuotes, toStatus, toStorageError } from '../storage.ts'

/** S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PARTS = 10_000
export const MIN_PART_BYTES = 5 * 1024 ** 2

/** A multipart upload of a client, as S3 knows it. */
export type OpenUpload = {
  readonly key: string
  /** S3's id of the upload. */
  readonly uploadId: string
}

/** A part that S3 has. */
export type UploadedPart = { readonly number: number; readonly etag: string; readonly sizeBytes: number }

/** `gone`: the upload was aborted, or never existed. */
export type UploadState =
  | { readonly state: 'open'; readonly parts: readonly UploadedPart[] }
  | { readonly state: 'completed'; readonly partCount: number; readonly sizeBytes: number }
  | { readonly state: 'gone' }

/** `exists`: the key has an object already. `gone`: the upload is not open any more. `refused`: S3 does not accept the parts. */
export type Completion = 'completed' | 'exists' | 'gone' | { readonly refused: string }

/** The multipart uploads of clients. Every call can throw `transient.storage`. */
export type MultipartUploads = {
  /** Starts an upload; returns S3's id of it. */
  create(target: {
    key: string
    contentType?: string
    metadata: Readonly<Record<string, string>>
  }): Promise<OpenUpload['uploadId']>
  /** Returns a URL for one PUT of one part. Sends no request. */
  signPart(upload: OpenUpload, part: { number: number; seconds: number }): Promise<string>
  /** Reads all parts. Keys are unique, so an object at the key of an upload that is not open is its result. */
  read(upload: OpenUpload): Promise<UploadState>
  /** Joins exactly these parts, unless the key has an object. */
  complete(upload: OpenUpload, parts: readonly UploadedPart[]): Promise<Completion>
  /** Deletes the parts. Does nothing for an upload that is not open. */
  abort(upload: OpenUpload): Promise<void>
  /** Returns the URL of an object, without a signature. Sends no request. */
  locate(key: string): Promise<string>
}

type Deps = { client: S3Client; bucket: string }

export function createMultipartUploads({ client, bucket }: Deps): MultipartUploads {
  const target = ({ key, uploadId }: OpenUpload) => ({ Bucket: bucket, Key: key, UploadId: uploadId })
  const name = (key: string) => `s3://${bucket}/${key}`
  return {
    async create({ key, contentType, metadata }) {
      const command = new CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        ContentType: contentType,
        Metadata: { ...metadata },
      })
      const { UploadId } = await send(`start a multipart upload to ${name(key)}`, () => client.send(command))
      if (UploadId === undefined) throw toStorageError(`start a multipart upload to ${name(key)}`, 'no upload id')
      return UploadId
    },

    signPart(upload, { number, seconds }) {
      const command = new UploadPartCommand({ ...target(upload), PartNumber: number })
      return getSignedUrl(client, command, { expiresIn: seconds, signingDate: toSigningDate(client) })
    },

    read: (upload) =>
      send(`list the parts of ${name(upload.key)}`, async () => {
        const parts = await listParts(client, target(upload))
        if (parts !== null) return { state: 'open', parts: parts.map(toUploadedPart) } as const
        const head = await findObject(client, { Bucket: bucket, Key: upload.key })
        return head === null ? ({ state: 'gone' } as const) : ({ state: 'completed', ...head } as const)
      }),

    async complete(upload, parts) {
      const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: `"${etag}"` }))
      const command = new CompleteMultipartUploadCommand({
        ...target(upload),
        MultipartUpload: { Parts },
        IfNoneMatch: '*',
      })
      try {
        await client.send(command)
        return 'completed'
      } catch (error) {
        const completion = toCompletion(error)
        if (completion === null) throw toStorageError(`complete ${name(upload.key)}`, error)
        return completion
      }
    },

    async abort(upload) {
      const command = new AbortMultipartUploadCommand(target(upload))
      await send(`abort the upload of ${name(upload.key)}`, () => ignoreGone(client.send(command)))
    },

    async locate(key) {
      const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: key }))
      return url.split('?', 1)[0] ?? url
    },
  }
}

type Target = { Bucket: string; Key: string; UploadId: string }

/** Returns all parts, with one request for each 1,000; null when the upload is not open. */
export async function listParts(client: S3Client, target: Target, signal?: AbortSignal): Promise<Part[] | null> {
  const parts: Part[] = []
  let marker: string | undefined
  do {
    const command = new ListPartsCommand({ ...target, ...(marker !== undefined && { PartNumberMarker: marker }) })
    const page = await ignoreGone(client.send(command, signal ? { abortSignal: signal } : {}))
    if (page === null) return null
    parts.push(...(page.Parts ?? []))
    marker = page.IsTruncated ? page.NextPartNumberMarker : undefined
  } while (marker !== undefined)
  return parts
}

function toUploadedPart({ PartNumber = 0, ETag, Size = 0 }: Part): UploadedPart {
  return { number: PartNumber, etag: stripQuotes(ETag), sizeBytes: Size }
}

/** Returns size and number of parts of an object; null when there is none. */
async function findObject(client: S3Client, at: { Bucket: string; Key: string }) {
  try {
    const { ETag, ContentLength = 0 } = await client.send(new HeadObjectCommand(at))
    // the ETag of an object that was uploaded in parts ends with their number
    const partCount = Number(/-(\d+)$/.exec(stripQuotes(ETag))?.[1] ?? 1)
    return { partCount, sizeBytes: ContentLength }
  } catch (error) {
    if (toStatus(error) === 404 && !isNoBucket(error)) return null
    throw error
  }
}

/** Resolves with null for S3's error about an upload that is not open. */
export async function ignoreGone<T>(sent: Promise<T>): Promise<T | null> {
  try {
    return await sent
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

const isNoBucket = (error: unknown) => error instanceof S3ServiceException && error.name === 'NoSuchBucket'

const isGone = (error: unknown) => toStatus(error) === 404 && !isNoBucket(error)

/** Returns null for an error that is not about this upload. */
function toCompletion(error: unknown): Completion | null {
  const status = toStatus(error)
  if (isGone(error)) return 'gone'
  if (status === 412) return 'exists'
  const isRefused =
    error instanceof S3ServiceException && /^(?:InvalidPart|EntityTooSmall|MalformedXML)/.test(error.name)
  return isRefused ? { refused: `${error.name}: ${error.message}` } : null
}

async function send<T>(action: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw toStorageError(action, error)
  }
}
