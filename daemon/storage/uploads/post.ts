import type { PresignDeps } from '../presign.ts'

export type PostRequest = {
  readonly key: string
  /** The form must have exactly this content type; without it, the form cannot have one. */
  readonly contentType?: string
  /** Metadata of the object. The form must have exactly these fields. */
  readonly metadata: Readonly<Record<string, string>>
  /** Size of the file. */
  readonly sizeBytes: { readonly min: number; readonly max: number }
}

/** Returns the URL and the fields of a form that uploads one file. The file comes last, in a field called `file`. */
export type PresignPost = (request: PostRequest) => Promise<{ url: string; fields: Record<string, string> }>

/**
 * Creates presigned forms for browsers. Each permits uploads to one key without credentials, with exactly the fields of its
 * policy. S3 rejects a file whose size is out of range.
 */
export function createPresignPost({ client, bucket, urlSeconds }: PresignDeps): PresignPost {
  return async ({ key, contentType, metadata, sizeBytes }) => {
    const { createPresignedPost } = await import('@aws-sdk/s3-presigned-post') // it takes 50 ms of CPU time to load
    const stored = Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])
    return createPresignedPost(client, {
      Bucket: bucket,
      Key: key,
      Expires: urlSeconds,
      Fields: {
        // without it, S3 responds with 204, without the location of the object
        success_action_status: '201',
        ...(contentType !== undefined && { 'Content-Type': contentType }),
        ...Object.fromEntries(stored),
      },
      Conditions: [['content-length-range', sizeBytes.min, sizeBytes.max]],
    })
  }
}
