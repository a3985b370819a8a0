import type { Entry } from './objects.ts'
import { S3Error } from './s3rver.ts'

type Headers = Readonly<Record<string, string | undefined>>

/**
 * Returns the check of a write's conditions against the current object of its key, to be called when the write takes effect.
 * @throws S3Error `NotImplemented` for an If-None-Match other than `*`, like S3.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function toWriteCheck(headers: Headers, key: string): (current: Entry | null) => void {
  const { 'if-none-match': ifNoneMatch, 'if-match': ifMatch } = headers
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error('NotImplemented', 'A write takes "If-None-Match: *" only.', { Header: 'If-None-Match' })
  }
  return (current) => {
    if (ifNoneMatch !== undefined && current !== null) throw preconditionFailed('If-None-Match')
    if (ifMatch === undefined) return
    if (current === null) throw noSuchKey(key)
    if (!matches(ifMatch, current)) throw preconditionFailed('If-Match')
  }
}

/** Evaluates the conditions of a read. `unchanged` means a 304 response. */
export function checkRead(headers: Headers, current: Entry): 'changed' | 'unchanged' {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  const { 'if-unmodified-since': unmodifiedSince, 'if-modified-since': modifiedSince } = headers
  // When both are given, the ETag decides: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current)) throw preconditionFailed('If-Match')
  } else if (wasModifiedAfter(current, unmodifiedSince)) throw preconditionFailed('If-Unmodified-Since')
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, current) ? 'unchanged' : 'changed'
  return wasModifiedAfter(current, modifiedSince) === false ? 'unchanged' : 'changed'
}

/** Returns S3's error for a key without an object. */
export function noSuchKey(key: string): S3Error {
  return new S3Error('NoSuchKey', 'The specified key does not exist.', { Key: key })
}

function preconditionFailed(condition: string): S3Error {
  const message = 'At least one of the pre-conditions you specified did not hold'
  return new S3Error('PreconditionFailed', message, { Condition: condition })
}

function matches(header: string, { etag }: Entry): boolean {
  const etags = new Set(header.split(',').map((one) => one.trim().replace(/^W\//, '').replaceAll('"', '')))
  return etags.has('*') || etags.has(etag)
}

/** Returns undefined for a missing or invalid date. HTTP dates have a resolution of one second. */
function wasModifiedAfter(entry: Entry, date: string | undefined): boolean | undefined {
  const limit = Date.parse(date ?? '')
  return Number.isNaN(limit) ? undefined : Math.floor(entry.modified / 1000) * 1000 > limit
}
