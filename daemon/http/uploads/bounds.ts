import type { Config } from '../../config/config.ts'
import { LARGEST_PUT_BYTES } from '../../config/http.ts'
import { MAX_PARTS, MIN_PART_BYTES } from '../../storage/uploads/multipart.ts'
import { problemError } from '../problem.ts'

/** What clients of the endpoint can upload. */
export type UploadBounds = {
  /** Largest size of one PUT, or of one form. */
  readonly singleBytes: number
  /** Largest size of all parts of a multipart upload. */
  readonly multipartBytes: number
  /** Largest number of a part: every part except the last one has at least 5 MiB. */
  readonly partNumbers: number
}

/**
 * Returns the bounds that follow from the config. `http.maxUploadBytes` below S3's own limit was set on purpose, so it bounds
 * multipart uploads too, unless `http.uploads.maxBytes` says otherwise. A multipart upload above `limits.sourceBytes` would
 * only be rejected by its job.
 */
export function toUploadBounds({ http, limits }: Pick<Config, 'http' | 'limits'>): UploadBounds {
  const { maxUploadBytes, uploads } = http
  const chosen = uploads.maxBytes ?? (maxUploadBytes < LARGEST_PUT_BYTES ? maxUploadBytes : Infinity)
  const multipartBytes = Math.min(chosen, limits.sourceBytes)
  return {
    singleBytes: Math.min(maxUploadBytes, uploads.maxBytes ?? Infinity),
    multipartBytes,
    partNumbers: Math.min(MAX_PARTS, Math.ceil(multipartBytes / MIN_PART_BYTES)),
  }
}

const MIB = 1024 ** 2
/** Parts of a client that does not choose: few enough requests, and little to repeat after a lost connection. */
const PART_BYTES = 16 * MIB

/** Returns the size of the parts for an upload of at most `bytes`, a multiple of 1 MiB: 10,000 of them are enough. */
export function toPartBytes(bytes: number): number {
  return Math.max(PART_BYTES, Math.ceil(bytes / MAX_PARTS / MIB) * MIB)
}

/** Creates the error for an upload above a bound. */
export function tooLargeError(name: string, bytes: number, limit: number) {
  const detail = `${name}: ${bytes} bytes exceed the limit of ${limit} bytes`
  return problemError({ status: 413, detail, code: 'request.too_large' })
}
