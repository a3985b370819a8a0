import type { Config } from '../../config/config.ts'
import type { MultipartUploads } from '../../storage/uploads/multipart.ts'
import type { PresignPost } from '../../storage/uploads/post.ts'
import { toUploadBounds } from './bounds.ts'
import type { UploadRequest } from './request.ts'
import type { ReadUploadSecret } from './secret.ts'
import { sealToken, type UploadOwner } from './token.ts'

export type ClientUploadDeps = {
  config: Config
  presignPost: PresignPost
  multipart: MultipartUploads
  readUploadSecret: ReadUploadSecret
}

type NewUpload = UploadRequest & { readonly key: string; readonly owner: UploadOwner }

/** Creates a form for one file: with a stated size exactly this size, otherwise any up to the limit. */
export function createForm({ config, presignPost }: ClientUploadDeps, upload: NewUpload) {
  const { key, owner, filename, contentType, sizeBytes } = upload
  return presignPost({
    key,
    ...(contentType !== undefined && { contentType }),
    metadata: toUploadMetadata(owner, filename),
    sizeBytes: { min: sizeBytes ?? 1, max: sizeBytes ?? toUploadBounds(config).singleBytes },
  })
}

/** Starts a multipart upload; returns the token with which its owner can continue it. */
export async function startMultipart(deps: ClientUploadDeps, upload: NewUpload): Promise<string> {
  const { key, owner, filename, contentType } = upload
  const secret = await deps.readUploadSecret() // before S3 has an upload that nobody could continue
  const uploadId = await deps.multipart.create({
    key,
    ...(contentType !== undefined && { contentType }),
    metadata: toUploadMetadata(owner, filename),
  })
  const expiresAt = Math.floor(Date.now() / 1000) + deps.config.http.uploads.multipartSeconds
  return sealToken(secret, owner, { key, uploadId, expiresAt })
}

/** S3 accepts 2 KB of metadata, and only ASCII is safe. An encoded identity has at most 768 bytes. */
const FILENAME_BYTES = 1024

/**
 * Returns the metadata of an upload's object: who uploads it, and how the client calls the file. Both are percent-encoded;
 * a long filename is truncated. Nothing else of a filename is used but letters and digits, for the key.
 */
export function toUploadMetadata(owner: UploadOwner, filename?: string): Record<string, string> {
  return {
    ...(owner !== null && { identity: encodeURIComponent(owner.id) }),
    ...(filename !== undefined && filename !== '' && { filename: encodeFilename(filename) }),
  }
}

function encodeFilename(filename: string): string {
  let encoded = ''
  for (const character of filename.toWellFormed()) {
    const next = encoded + encodeURIComponent(character)
    if (next.length > FILENAME_BYTES) break
    encoded = next
  }
  return encoded
}
