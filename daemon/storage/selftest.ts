import { randomUUID } from 'node:crypto'
import { MediadError } from '../vocabulary/errors.ts'
import type { Storage } from './storage.ts'

/**
 * Proves that the bucket honours conditional writes, on which everything rests: a second creation of one object and a
 * replacement of a version that is not there must both be refused. Leaves nothing behind.
 *
 * @throws MediadError `config.storage` when the bucket does not honour them, is not there, or may not be written;
 * `transient.storage` when it cannot be reached
 */
export async function proveConditionalWrites(
  storage: Storage,
  { bucket, prefix }: { bucket: string; prefix: string },
): Promise<void> {
  const key = `${prefix}selftest/${randomUUID()}.json`
  try {
    await storage.writeText(key, '{"try":1}', { expected: null })
    // read back, not believed: the SDK repeats a PUT whose reply was lost, and then tells the winner 412
    const first = await storage.readText(key)
    if (first?.text !== '{"try":1}') throw refused(bucket, 'refused the creation of a new object')
    const second = await storage.writeText(key, '{"try":2}', { expected: null })
    if (second !== 'refused') throw refused(bucket, 'let a second "create" (If-None-Match: *) through')
    const stale = await storage.writeText(key, '{"try":3}', { expected: '00000000000000000000000000000000' })
    if (stale !== 'refused') throw refused(bucket, 'let a write over a stale version (If-Match) through')
    const stored = await storage.readText(key)
    if (stored?.etag !== first.etag) throw refused(bucket, 'changed an object by a write it refused')
    await storage.remove(key)
  } catch (error) {
    await storage.remove(key).catch(() => undefined) // what went wrong first is what counts
    throw toStartError(error, bucket)
  }
}

function refused(bucket: string, what: string): MediadError {
  return new MediadError(
    'config.storage',
    `the store of bucket "${bucket}" does not honour conditional writes: it ${what}. Jobs would be done twice; use a store that does (AWS S3, MinIO, Ceph, R2, …)`,
  )
}

/** An answer that will not change by asking again is a mistake in the configuration. */
function toStartError(error: unknown, bucket: string): unknown {
  if (!(error instanceof MediadError)) return error
  if (error.code !== 'access.denied') return error
  const message = `bucket "${bucket}": access denied. Check the credentials, and that they may read, write and delete there (${error.message})`
  return new MediadError('config.storage', message, { cause: error })
}
