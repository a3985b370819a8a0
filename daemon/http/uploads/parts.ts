import type { EventHandler, H3Event } from 'h3'
import { z } from 'zod'
import type { UploadState } from '../../storage/uploads/multipart.ts'
import { readIdentity } from '../access/identity.ts'
import { invalidRequest, readQuery } from '../body.ts'
import { problemError } from '../problem.ts'
import { respondJson } from '../respond.ts'
import { toUploadBounds } from './bounds.ts'
import type { ClientUploadDeps } from './start.ts'
import { openToken, type UploadGrant } from './token.ts'

const MAX_BATCH = 100

export const uploadParams = z.object({
  uploadId: z.string().meta({ description: 'Id of the upload, from the response that started it.' }),
})
export const partParams = uploadParams.extend({
  partNumber: z.string().meta({ description: 'Number of the part, from 1.' }),
})
export const keyQuery = z.object({
  key: z.string('must be the key of the upload').meta({ description: 'Key of the upload.' }),
})
export const batchQuery = keyQuery.extend({
  partNumbers: z
    .string('must be a list of part numbers')
    .meta({ description: `Numbers of at most ${MAX_BATCH} parts, separated by commas.` }),
})

export const signedPart = z.object({
  url: z.string(),
  /** Validity in seconds. */
  expires: z.int(),
})
export const signedParts = z.object({ presignedUrls: z.record(z.string(), z.string()) })
export const partList = z.array(z.object({ PartNumber: z.int(), ETag: z.string(), Size: z.int() }))

/**
 * Returns the right of the client to continue the upload in the path of a request.
 *
 * @throws HTTPError 404 for a token that is not valid for this client and key, 410 for one that has expired
 */
export async function openGrant(deps: ClientUploadDeps, event: H3Event): Promise<UploadGrant> {
  const { key } = readQuery(event, keyQuery)
  const token = decode(event.context.params?.['uploadId'] ?? '')
  const grant = openToken(await deps.readUploadSecret(), readIdentity(event), { token, key })
  if (grant === null) {
    const detail = 'There is no upload with this id and key. Send both as they were returned, as the same client.'
    throw problemError({ status: 404, detail, code: 'upload.not_found' })
  }
  if (toRemainingSeconds(grant) <= 0) throw goneError('The upload has expired. Start it again.')
  return grant
}

/** Creates the error for an upload that nobody can continue. */
export function goneError(detail = 'The upload was aborted. Start it again.') {
  return problemError({ status: 410, detail, code: 'upload.gone' })
}

/** `GET /s3/multipart/:uploadId/:partNumber`: a URL for one part. */
export function partHandler(deps: ClientUploadDeps): EventHandler {
  return async (event) => {
    const grant = await openGrant(deps, event)
    const [number = 0] = toPartNumbers(event.context.params?.['partNumber'] ?? '', deps)
    return respondJson(await sign(deps, grant, number))
  }
}

/** `GET /s3/multipart/:uploadId/batch`: URLs for several parts. */
export function batchHandler(deps: ClientUploadDeps): EventHandler {
  return async (event) => {
    const grant = await openGrant(deps, event)
    const numbers = toPartNumbers(readQuery(event, batchQuery).partNumbers, deps)
    const signed = numbers.map(async (number) => [number, (await sign(deps, grant, number)).url] as const)
    return respondJson({ presignedUrls: Object.fromEntries(await Promise.all(signed)) })
  }
}

/** `GET /s3/multipart/:uploadId`: the parts that S3 has. Also answers after the completion, whose response can get lost. */
export function listHandler(deps: ClientUploadDeps): EventHandler {
  return async (event) => respondJson(toPartList(await deps.multipart.read(await openGrant(deps, event))))
}

/** The parts of a completed upload are not known any more: their number is, and so is the sum of their sizes. */
function toPartList(state: UploadState): z.output<typeof partList> {
  if (state.state === 'gone') throw goneError()
  if (state.state === 'open')
    return state.parts.map(({ number, etag, sizeBytes }) => ({
      PartNumber: number,
      ETag: `"${etag}"`,
      Size: sizeBytes,
    }))
  const { partCount, sizeBytes } = state
  const size = Math.ceil(sizeBytes / partCount)
  return Array.from({ length: partCount }, (_, index) => ({
    PartNumber: index + 1,
    ETag: '"completed"',
    Size: Math.max(0, Math.min(size, sizeBytes - index * size)),
  }))
}

function sign({ config, multipart }: ClientUploadDeps, grant: UploadGrant, number: number) {
  const seconds = Math.min(config.http.urlSeconds, toRemainingSeconds(grant))
  return multipart.signPart(grant, { number, seconds }).then((url) => ({ url, expires: seconds }))
}

const toRemainingSeconds = ({ expiresAt }: UploadGrant) => expiresAt - Math.floor(Date.now() / 1000)

function toPartNumbers(list: string, { config }: ClientUploadDeps): number[] {
  const { partNumbers, multipartBytes } = toUploadBounds(config)
  const numbers = list.split(',').map((text) => (/^\d{1,9}$/.test(text) ? Number(text) : 0))
  if (numbers.includes(0) || numbers.length > MAX_BATCH) {
    throw invalidRequest(`part numbers: must be at most ${MAX_BATCH} integers from 1`)
  }
  if (numbers.every((number) => number <= partNumbers)) return numbers
  const detail = `part ${Math.max(...numbers)}: an upload of at most ${multipartBytes} bytes has at most ${partNumbers} parts`
  throw problemError({ status: 413, detail, code: 'request.too_large' })
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return ''
  }
}
