import { S3Client } from '@aws-sdk/client-s3'
import type { SkewWatch } from './skew.ts'

/** A connection that says nothing for this long is dead: a black-holed socket must not hold a job for ever. */
const IDLE_MS = 30_000

/**
 * The S3 client everything shares. Region, credentials and endpoint are the SDK's own environment; a custom endpoint gets
 * path-style addresses, for stores without a name per bucket.
 */
export function createS3Client(watchSkew?: SkewWatch): S3Client {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL
  const client = new S3Client({
    forcePathStyle: endpoint !== undefined,
    maxAttempts: 3,
    // the SDK's default puts a checksum of nothing into presigned PUT URLs, and trailers that S3-compatible stores refuse
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5_000, socketTimeout: IDLE_MS },
  })
  if (watchSkew) reportDates(client, watchSkew)
  return client
}

function reportDates(client: S3Client, watchSkew: SkewWatch): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const askedAt = Date.now()
      const result = await next(args)
      const { headers } = result.response as { headers?: Record<string, string> }
      watchSkew({ date: headers?.date, askedAt })
      return result
    },
    { step: 'deserialize', priority: 'low', name: 'reportDates' },
  )
}
