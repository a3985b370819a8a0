import type { PresignHandlerDeps } from '../http/uploads/presign.ts'
import { createUploadSecret } from '../http/uploads/secret.ts'
import { createUploadCleanup, type UploadCleanup } from '../schedule/upload-cleanup.ts'
import { createPresign } from '../storage/presign.ts'
import { createAbortExpiredUploads } from '../storage/uploads/expired.ts'
import { createMultipartUploads } from '../storage/uploads/multipart.ts'
import { createPresignPost } from '../storage/uploads/post.ts'
import { tokens, type Base, type Graph } from './tokens.ts'

/** Creates what the routes of uploads need. */
export function createUploads({ use, config }: Graph<Base>): Omit<PresignHandlerDeps, 'config'> {
  const signing = { client: use(tokens.S3), bucket: config.bucket, urlSeconds: config.http.urlSeconds }
  return {
    presign: createPresign(signing),
    presignPost: createPresignPost(signing),
    multipart: createMultipartUploads(signing),
    readUploadSecret: createUploadSecret({ storage: use(tokens.Storage), config }),
  }
}

/** Creates the cleanup of the uploads of clients. */
export function createCleanup({ use, config, log }: Graph<Base>): UploadCleanup {
  const [route] = config.routes
  const abortExpired = createAbortExpiredUploads({
    client: use(tokens.S3),
    bucket: config.bucket,
    prefix: route.prefix,
    validSeconds: config.http.uploads.multipartSeconds,
    log,
  })
  return createUploadCleanup({ abortExpired })
}
