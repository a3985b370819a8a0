import { S3Client } from '@aws-sdk/client-s3'

/** A connection that says nothing for this long is dead: a black-holed socket must not hold a job for ever. */
const IDLE_MS = 30_000

/**
 * The S3 client everything shares. Region, credentials and endpoint are the SDK's own environment; a custom endpoint gets
 * path-style addresses, for stores without a name per bucket.
 */
export function createS3Client(): S3Client {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL
  return new S3Client({
    forcePathStyle: endpoint !== undefined,
    maxAttempts: 3,
    // the SDK's default puts a checksum of nothing into presigned PUT URLs, and trailers that S3-compatible stores refuse
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5_000, socketTimeout: IDLE_MS },
  })
}
