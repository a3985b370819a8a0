import type { EventHandler } from 'h3'
import { toJobId } from '../../vocabulary/job.ts'
import type { Presign } from '../../storage/presign.ts'
import { readIdentity } from '../access/identity.ts'
import { readBody } from '../body.ts'
import { respondJson } from '../respond.ts'
import { toPartBytes, toUploadBounds } from './bounds.ts'
import { toUploadKey } from './key.ts'
import { checkUploadRequest, uploadSchema } from './request.ts'
import { createForm, startMultipart, toUploadMetadata, type ClientUploadDeps } from './start.ts'

export type PresignHandlerDeps = ClientUploadDeps & { presign: Presign }

/**
 * `POST /video/pre-signed-url`: what one file needs to be uploaded directly to S3: a URL, a form, or the id of a multipart
 * upload. Every call gets a new key, so no upload can replace another, and the job's id is known before the upload.
 */
export function presignHandler(deps: PresignHandlerDeps): EventHandler {
  const { config } = deps
  const [route] = config.routes
  const { urlSeconds, uploads } = config.http
  return async (event) => {
    const request = checkUploadRequest(await readBody(event, uploadSchema), config)
    const { method, filename: _, ...signed } = request
    const owner = readIdentity(event)
    const key = toUploadKey(route.prefix, request, uploads)
    const job = { id: toJobId(config.bucket, key), key }
    if (method === 'POST') {
      const form = await createForm(deps, { key, owner, ...request })
      return respondJson({ isSuccess: true, ...job, method, ...form, expiresIn: urlSeconds })
    }
    if (method === 'multipart') {
      const uploadId = await startMultipart(deps, { key, owner, ...request })
      const partBytes = toPartBytes(signed.sizeBytes ?? toUploadBounds(config).multipartBytes)
      return respondJson({ isSuccess: true, ...job, uploadId, partBytes, expiresIn: uploads.multipartSeconds })
    }
    const metadata = toUploadMetadata(owner)
    const hasMetadata = Object.keys(metadata).length > 0
    const { url, headers } = await deps.presign({ ...signed, key, ...(hasMetadata && { metadata }) })
    return respondJson({ isSuccess: true, preSignedUrl: url, ...job, method: 'PUT', headers, expiresIn: urlSeconds })
  }
}
