import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

export type PresignRequest = {
  readonly key: string
  /** Signed: the upload must carry exactly this. */
  readonly contentType?: string
  /** Signed: the upload must have exactly this size. */
  readonly sizeBytes?: number
}

/** `headers` are what the client must send along, in lower case; empty when it stated nothing. */
export type Presign = (request: PresignRequest) => Promise<{ url: string; headers: Record<string, string> }>

export type PresignDeps = {
  /** Made with `requestChecksumCalculation: 'WHEN_REQUIRED'`: else every URL demands the checksum of an empty file. */
  client: S3Client
  bucket: string
  /** How long a URL may be used; S3's limit is 604800, and a URL made with temporary credentials dies with them. */
  urlSeconds: number
}

/** Makes URLs that take one PUT of one object, without credentials. */
export function createPresign({ client, bucket, urlSeconds }: PresignDeps): Presign {
  return async ({ key, contentType, sizeBytes }) => {
    const headers: Record<string, string> = {
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
    }
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      ContentType: contentType,
      ContentLength: sizeBytes,
    })
    // the presigner leaves content-type out of the signature unless it is told otherwise
    const signableHeaders = new Set(['host', ...Object.keys(headers)])
    // by S3's clock, as far as the client has learned it: on a machine whose clock is wrong a URL would be born expired
    const signingDate = new Date(Date.now() + client.config.systemClockOffset)
    const url = await getSignedUrl(client, command, { expiresIn: urlSeconds, signableHeaders, signingDate })
    return { url, headers }
  }
}
