import { z } from 'zod'
import type { Config } from '../../config/config.ts'
import { invalidRequest } from '../body.ts'
import { tooLargeError, toUploadBounds } from './bounds.ts'
import { checkContentType } from './content-type.ts'

/** How a client uploads: one PUT, one form, or several parts. */
export type UploadMethod = 'PUT' | 'POST' | 'multipart'

/** The properties that a client can state for its upload; all are optional. */
export type UploadRequest = {
  readonly filename?: string | undefined
  readonly contentType?: string
  readonly sizeBytes?: number
}

/** The body of a request for an upload. */
export const uploadSchema = z.strictObject({
  filename: z
    .string()
    .exactOptional()
    .meta({ description: 'Name of the file. Its letters and digits, and its extension, are part of the key.' }),
  contentType: z.string().exactOptional().meta({ description: 'The upload must then have exactly this content type.' }),
  size: z
    .int({ error: 'must be an integer number of bytes' })
    .min(1, 'must be at least 1 byte')
    .exactOptional()
    .meta({ description: 'Size in bytes. An upload by PUT or form must then have exactly this size.' }),
  method: z
    .enum(['PUT', 'POST'])
    .exactOptional()
    .meta({ description: '`POST` requests a form for browsers. Default `PUT`.' }),
  multipart: z.boolean().exactOptional().meta({ description: '`true` requests an upload in parts.' }),
})

const created = z.object({
  isSuccess: z.literal(true),
  id: z.string().meta({ description: 'Id of the job, known before the upload.' }),
  key: z.string().meta({ description: 'Key of the source. Every request gets a new key.' }),
  expiresIn: z.int().meta({ description: 'Validity in seconds.' }),
})

/** The response to a request for an upload, by its method. */
export const uploadResponse = z.union([
  created.extend({
    preSignedUrl: z.string(),
    method: z.literal('PUT'),
    headers: z.record(z.string(), z.string()).meta({ description: 'Headers that the upload must send.' }),
  }),
  created.extend({
    method: z.literal('POST'),
    url: z.string(),
    fields: z.record(z.string(), z.string()).meta({ description: 'Fields of the form, to be sent before the file.' }),
  }),
  created.extend({
    uploadId: z.string().meta({ description: 'Opaque. The other requests about the upload need it, with the key.' }),
    partBytes: z.int().meta({ description: 'Size of the parts, except the last one.' }),
  }),
])

/**
 * Checks what a client states against the config.
 *
 * @throws HTTPError 400 for a contradiction, 415 for a type that is not allowed, 413 for a size above the limit
 */
export function checkUploadRequest(
  body: z.output<typeof uploadSchema>,
  config: Pick<Config, 'http' | 'limits'>,
): UploadRequest & { readonly method: UploadMethod } {
  const { filename, contentType: stated, size, method = 'PUT', multipart = false } = body
  if (multipart && body.method !== undefined) throw invalidRequest('method: must be left out with "multipart": true')
  const bounds = toUploadBounds(config)
  const limit = multipart ? bounds.multipartBytes : bounds.singleBytes
  if (size !== undefined && size > limit) throw tooLargeError('size', size, limit)
  const contentType = checkContentType(stated, config.http.uploads)
  return {
    method: multipart ? 'multipart' : method,
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(size === undefined ? {} : { sizeBytes: size }),
  }
}
