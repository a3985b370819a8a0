import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { toStatus, toStorageError } from './storage.ts'

/** A file in memory. */
export type SmallFile = {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The header that the object was stored with; null if it has none. */
  readonly cacheControl: string | null
}

/** Reads an object of at most `maxBytes`; null if there is none, or it is larger. Can throw `transient.storage`. */
export type ReadSmall = (key: string, maxBytes: number) => Promise<SmallFile | null>

export function createReadSmall({ client, bucket }: { client: S3Client; bucket: string }): ReadSmall {
  return async (key, maxBytes) => {
    try {
      const {
        Body,
        CacheControl,
        ContentLength = 0,
      } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
      if (Body === undefined) return null
      if (ContentLength > maxBytes) {
        // ends the connection instead of reading the rest
        ;(Body as { destroy?: () => void }).destroy?.()
        return null
      }
      return { bytes: new Uint8Array(await Body.transformToByteArray()), cacheControl: CacheControl ?? null }
    } catch (error) {
      if (toStatus(error) === 404) return null
      throw toStorageError(`read s3://${bucket}/${key}`, error)
    }
  }
}
