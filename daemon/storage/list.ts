import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3'
import { toStorageError } from './storage.ts'

export type Listed = {
  readonly key: string
  /** Time of the last write by S3's clock, to the second. */
  readonly modifiedAt: Date
}

/** Which objects to list. */
export type ListRange = {
  /** Begins after this key. */
  readonly after?: string
  /** Objects at a time, from 1 to 1,000. Default 1,000. */
  readonly pageSize?: number
}

/** Yields the objects under a prefix in key order, page by page. Can throw `transient.storage`. */
export type List = (prefix: string, signal?: AbortSignal, range?: ListRange) => AsyncGenerator<readonly Listed[], void>

export function createList({ client, bucket }: { client: S3Client; bucket: string }): List {
  return async function* (prefix, signal, { after, pageSize } = {}) {
    let token: string | undefined
    do {
      const command = new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        MaxKeys: pageSize,
        ...(after !== undefined && { StartAfter: after }),
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
