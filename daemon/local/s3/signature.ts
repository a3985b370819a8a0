import { S3Error, type Context } from '../objects/s3rver.ts'

/** Returns whether the request has a signature, in its headers or its URL. */
export function isSigned({ headers, query }: Context): boolean {
  return headers.authorization !== undefined || 'X-Amz-Algorithm' in query || 'Signature' in query
}

/**
 * Returns the `x-amz-…` headers that the signature does not cover. The hash of the body need not be listed: every
 * signature covers it. Version 2 covers all headers. Call it before the signature check, which adds the parameters of a
 * presigned URL to the headers.
 */
export function findUnsignedHeaders({ headers, query }: Context): string[] {
  const listed = query['X-Amz-SignedHeaders'] ?? /\bSignedHeaders=([^,\s]+)/.exec(headers.authorization ?? '')?.[1]
  if (listed === undefined) return []
  const signed = new Set([...String(listed).split(';'), 'x-amz-content-sha256'])
  return Object.keys(headers).filter((name) => name.startsWith('x-amz-') && !signed.has(name))
}

/** Returns S3's error for headers that the signature does not cover. */
export function headersNotSigned(names: readonly string[]): S3Error {
  const message = 'There were headers present in the request which were not signed'
  return new S3Error('AccessDenied', message, { HeadersNotSigned: names.join(', ') })
}
