import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

export type PresignRequest = {
  readonly key: string
  /** Signed: the upload must send exactly this value. */
  readonly contentType?: string
  /** Signed: the upload must have exactly this size. */
  readonly sizeBytes?: number
  /** Metadata of the object. Signed: the upload must send exactly these headers. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** Returns a URL, and the headers (lower-case names) that the client must send; empty when the request states none. */
export type Presign = (request: PresignRequest) => Promise<{ url: string; headers: Record<string, string> }>

/** Returns a URL that permits a GET, or a HEAD, of one object without credentials. The object need not exist. */
export type PresignGet = (key: string, method?: 'GET' | 'HEAD') => Promise<string>

export type PresignDeps = {
  /** Needs `requestChecksumCalculation: 'WHEN_REQUIRED'`; otherwise every URL requires the checksum of an empty file. */
  client: S3Client
  bucket: string
  /** Lifetime of a URL. S3's limit is 604800; a URL signed with temporary credentials expires with them. */
  urlSeconds: number
}

/** Creates presigned URLs: each permits a PUT of one object without credentials. */
export function createPresign({ client, bucket, urlSeconds }: PresignDeps): Presign {
  return async ({ key, contentType, sizeBytes, metadata = {} }) => {
    const stored = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]))
    const headers: Record<string, string> = {
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
      ...stored,
    }
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      ContentType: contentType,
      ContentLength: sizeBytes,
      Metadata: { ...metadata },
    })
    // By default the presigner does not sign content-type.
    const signableHeaders = new Set(['host', ...Object.keys(headers)])
    // By default the presigner moves metadata to the query, where it does not have to be sent.
    const unhoistableHeaders = new Set(Object.keys(stored))
    const signingDate = toSigningDate(client)
    const options = { expiresIn: urlSeconds, signableHeaders, unhoistableHeaders, signingDate }
    const url = await getSignedUrl(client, command, options)
    return { url, headers }
  }
}

/** Creates presigned URLs that permit a GET or a HEAD of one object. A signature covers the method. */
export function createPresignGet({ client, bucket, urlSeconds }: PresignDeps): PresignGet {
  return (key, method = 'GET') => {
    const at = { Bucket: bucket, Key: key }
    const command = method === 'GET' ? new GetObjectCommand(at) : new HeadObjectCommand(at)
    return getSignedUrl(client, command, { expiresIn: urlSeconds, signingDate: toSigningDate(client) })
  }
}

/** Returns S3's time, as far as the client knows the offset: with a wrong local clock, a new URL could be expired. */
export function toSigningDate(client: S3Client): Date {
  return new Date(Date.now() + client.config.systemClockOffset)
}
