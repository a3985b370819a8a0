import { createHash } from 'node:crypto'
import type { Part } from './uploads.ts'
import { S3Error } from './s3rver.ts'

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const MIN_PART_BYTES = 5 * 1024 * 1024
const MAX_PART_NUMBER = 10_000

export type RequestedPart = { number: number; etag: string }

/** @throws S3Error `InvalidArgument` when the text is not a valid part number. */
export function toPartNumber(text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 1 && number <= MAX_PART_NUMBER) return number
  throw new S3Error('InvalidArgument', `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`)
}

/**
 * Selects the parts that complete an upload, by S3's rules.
 * @throws S3Error `InvalidPartOrder`, `InvalidPart` (missing, or another ETag), `EntityTooSmall` (except the last part)
 */
export function selectParts(requested: readonly RequestedPart[], uploaded: readonly Part[]): Part[] {
  const byNumber = new Map(uploaded.map((part) => [part.number, part]))
  if (requested.some(({ number }, position) => number <= (requested[position - 1]?.number ?? 0))) {
    throw new S3Error('InvalidPartOrder', 'Parts must be listed in ascending order of number.')
  }
  return requested.map(({ number, etag }, position) => {
    const part = byNumber.get(number)
    if (part?.etag !== etag) {
      throw new S3Error('InvalidPart', 'One or more of the specified parts could not be found.', { PartNumber: number })
    }
    if (position < requested.length - 1 && part.sizeBytes < MIN_PART_BYTES) {
      throw new S3Error('EntityTooSmall', 'A part is smaller than the minimum allowed size.', { PartNumber: number })
    }
    return part
  })
}

/** Returns S3's ETag of a multipart object: the MD5 of the parts' MD5s, and the number of parts. */
export function toMultipartEtag(parts: readonly Part[]): string {
  const hash = createHash('md5')
  for (const { etag } of parts) hash.update(Buffer.from(etag, 'hex'))
  return `${hash.digest('hex')}-${parts.length}`
}
