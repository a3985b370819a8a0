import type { EventHandler, H3Event } from 'h3'
import { z } from 'zod'
import { toJobId } from '../../vocabulary/job.ts'
import { readIdentity } from '../access/identity.ts'
import { readBody, readQuery } from '../body.ts'
import { respondJson } from '../respond.ts'
import { checkContentType } from './content-type.ts'
import { toUploadKey } from './key.ts'
import { createForm, startMultipart, type ClientUploadDeps } from './start.ts'

/** What Uppy sends about a file. Its metadata has the names of the page's choice and is not used. */
const fileSchema = z.object({
  filename: z.string().exactOptional().meta({ description: 'Name of the file.' }),
  type: z.string().exactOptional().meta({ description: 'Content type of the file.' }),
})

export const formQuery = fileSchema
export const multipartBody = fileSchema

export const formResponse = z.object({
  method: z.literal('POST'),
  url: z.string(),
  /** Fields of the form, to be sent before the file. */
  fields: z.record(z.string(), z.string()),
  /** Validity in seconds. */
  expires: z.int(),
})

export const multipartResponse = z.object({
  key: z.string(),
  /** Opaque. */
  uploadId: z.string(),
  /** Id of the job. */
  id: z.string(),
})

/** `GET /s3/params`: a form for one file, which Uppy uploads by one POST. */
export function formHandler(deps: ClientUploadDeps): EventHandler {
  return async (event) => {
    const upload = toNewUpload(event, readQuery(event, formQuery), deps)
    const { url, fields } = await createForm(deps, upload)
    return respondJson({ method: 'POST', url, fields, expires: deps.config.http.urlSeconds })
  }
}

/** `POST /s3/multipart`: starts a multipart upload. */
export function multipartHandler(deps: ClientUploadDeps): EventHandler {
  return async (event) => {
    const upload = toNewUpload(event, await readBody(event, multipartBody), deps)
    const uploadId = await startMultipart(deps, upload)
    return respondJson({ key: upload.key, uploadId, id: toJobId(deps.config.bucket, upload.key) })
  }
}

/** A browser that does not know the type of a file states none. The upload must then have the general one. */
function toNewUpload(event: H3Event, file: z.output<typeof fileSchema>, { config }: ClientUploadDeps) {
  const [route] = config.routes
  const { filename, type } = file
  const contentType = checkContentType(type?.trim() || 'application/octet-stream', config.http.uploads)
  const named = { filename, ...(contentType !== undefined && { contentType }) }
  return { ...named, key: toUploadKey(route.prefix, named, config.http.uploads), owner: readIdentity(event) }
}
