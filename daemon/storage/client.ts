import { S3Client } from '@aws-sdk/client-s3'
import { SlicedSha256 } from './payload-hash.ts'
import type { SkewWatch } from './skew.ts'

/** A connection without data for this long counts as dead, so that a black-holed socket cannot hold a job forever. */
const IDLE_MS = 30_000

/**
 * Creates the S3 client that the whole daemon shares. Region, credentials and endpoint come from the SDK's environment
 * variables. A custom endpoint gets path-style addresses, for stores without a host name per bucket.
 */
export function createS3Client(watchSkew?: SkewWatch): S3Client {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL
  const client = new S3Client({
    forcePathStyle: endpoint !== undefined,
    maxAttempts: 3,
    // The SDK's default adds the checksum of an empty body to presigned PUT URLs, and trailers that some S3-compatible
    // stores reject.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    sha256: SlicedSha256,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: IDLE_MS },
  })
  if (watchSkew) reportDates(client, watchSkew)
  return client
}

function reportDates(client: S3Client, watchSkew: SkewWatch): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const sentAt = Date.now()
      const result = await next(args)
      const { headers } = result.response as { headers?: Record<string, string> }
      watchSkew({ date: headers?.date, sentAt })
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'reportDates' },
  )
}
