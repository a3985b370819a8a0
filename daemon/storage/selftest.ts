import { randomUUID } from 'node:crypto'
import { MediadError } from '../vocabulary/errors.ts'
import type { Storage } from './storage.ts'

/**
 * Checks that the bucket honours conditional writes, which the protocol depends on: it must refuse to create an object
 * twice, and to replace a version that does not exist. Removes its test object.
 *
 * @throws MediadError `config.storage` when the bucket does not honour them, does not exist, or denies access;
 * `transient.storage` when it cannot be reached
 */
export async function checkConditionalWrites(
  storage: Storage,
  { bucket, prefix }: { bucket: string; prefix: string },
): Promise<void> {
  const key = `${prefix}selftest/${randomUUID()}.json`
  try {
    await storage.writeText(key, '{"try":1}', { expected: null })
    // Read the object back: the SDK repeats a PUT whose response was lost, and its own success then looks like a 412.
    const first = await storage.readText(key)
    if (first?.text !== '{"try":1}') throw unsupportedError(bucket, 'refused to create a new object')
    const second = await storage.writeText(key, '{"try":2}', { expected: null })
    if (second !== 'refused') throw unsupportedError(bucket, 'accepted a second "create" (If-None-Match: *)')
    const stale = await storage.writeText(key, '{"try":3}', { expected: '00000000000000000000000000000000' })
    if (stale !== 'refused') throw unsupportedError(bucket, 'accepted a write that expects another version (If-Match)')
    const stored = await storage.readText(key)
    if (stored?.etag !== first.etag) throw unsupportedError(bucket, 'changed an object with a write that it refused')
    await storage.remove(key)
  } catch (error) {
    await storage.remove(key).catch(() => undefined) // the first error is the one to report
    throw toStartError(error, bucket)
  }
}

function unsupportedError(bucket: string, what: string): MediadError {
  return new MediadError(
    'config.storage',
    `the store of bucket "${bucket}" does not honour conditional writes: it ${what}. Jobs would run twice. Use a store that does (AWS S3, MinIO, Ceph, R2, …)`,
  )
}

/** Turns denied access into a configuration error: at start, a retry cannot change it. */
function toStartError(error: unknown, bucket: string): unknown {
  if (!(error instanceof MediadError)) return error
  if (error.code !== 'access.denied') return error
  const message = `bucket "${bucket}": access denied. Check the credentials, and that they permit reads, writes and deletes (${error.message})`
  return new MediadError('config.storage', message, { cause: error })
}
