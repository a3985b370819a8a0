import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { toStorageError } from './storage.ts'

export type Listed = {
  readonly key: string
  /** Time of the last write by S3's clock, to the second. */
  readonly modifiedAt: Date
}

/** Yields the objects under a prefix in key order, up to 1,000 at a time. Can throw `transient.storage`. */
export type List = (prefix: string, signal?: AbortSignal) => AsyncGenerator<readonly Listed[], void>

export function createList({ client, bucket }: { client: S3Client; bucket: string }): List {
  return async function* (prefix, signal) {
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(token !== undefined && { ContinuationToken: token }),
      })
      const page = await send(() => client.send(command, signal ? { abortSignal: signal } : {}), `${bucket}/${prefix}`)
      yield (page.Contents ?? []).map(({ Key = '', LastModified }) => ({
        key: Key,
        modifiedAt: LastModified ?? new Date(0),
      }))
      token = page.NextContinuationToken
    } while (token !== undefined)
  }
}

async function send<T>(call: () => Promise<T>, where: string): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw toStorageError(`list s3://${where}`, error)
  }
}
