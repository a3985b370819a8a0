import type { S3Client } from '@aws-sdk/client-s3'
import type { Config } from '../../daemon/config/config.ts'
import type { PresignHandlerDeps } from '../../daemon/http/uploads/presign.ts'
import { createUploadSecret } from '../../daemon/http/uploads/secret.ts'
import { createPresign } from '../../daemon/storage/presign.ts'
import { createStorage } from '../../daemon/storage/storage.ts'
import { createMultipartUploads } from '../../daemon/storage/uploads/multipart.ts'
import { createPresignPost } from '../../daemon/storage/uploads/post.ts'

/** Creates what the routes of uploads need, as a daemon does. */
export function createUploadDeps(client: S3Client, config: Config): PresignHandlerDeps {
  const signing = { client, bucket: config.bucket, urlSeconds: config.http.urlSeconds }
  return {
    config,
    presign: createPresign(signing),
    presignPost: createPresignPost(signing),
    multipart: createMultipartUploads(signing),
    readUploadSecret: createUploadSecret({ storage: createStorage(signing), config }),
  }
}
