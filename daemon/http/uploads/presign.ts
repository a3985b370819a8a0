import { HTTPError, type EventHandler, type H3Event } from 'h3'
import type { Config } from '../../config/config.ts'
import { toJobId } from '../../vocabulary/job.ts'
import type { Presign } from '../../storage/presign.ts'
import { problemError } from '../problem.ts'
import { respondJson } from '../respond.ts'
import { parseUploadRequest, toUploadKey } from './request.ts'

/**
 * `POST /video/pre-signed-url`: a URL to upload one file directly to S3. Every call gets a new key, so no upload can replace
 * another, and the job's id is known before the upload.
 */
export function presignHandler({ config, presign }: { config: Config; presign: Presign }): EventHandler {
  const [route] = config.routes
  return async (event) => {
    const { filename, ...signed } = parseUploadRequest(await readText(event), config.http.maxUploadBytes)
    const key = toUploadKey(route.prefix, { ...signed, filename })
    const { url, headers } = await presign({ ...signed, key })
    const body = {
      isSuccess: true,
      preSignedUrl: url,
      id: toJobId(config.bucket, key),
      key,
      method: 'PUT',
      headers,
      expiresIn: config.http.urlSeconds,
    }
    return respondJson(body)
  }
}

async function readText(event: H3Event): Promise<string> {
  try {
    return await event.req.text()
  } catch (error) {
    if (HTTPError.isError(error)) throw error
    const detail = 'The request ended before its body was complete.'
    throw problemError({ status: 400, detail, code: 'request.invalid' })
  }
}
