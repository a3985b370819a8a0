import type { EventHandler } from 'h3'
import { z } from 'zod'
import { toJobId } from '../../vocabulary/job.ts'
import { MAX_PARTS, type UploadedPart, type UploadState } from '../../storage/uploads/multipart.ts'
import { readBody } from '../body.ts'
import { problemError } from '../problem.ts'
import { respondJson } from '../respond.ts'
import { tooLargeError, toUploadBounds } from './bounds.ts'
import { goneError, openGrant } from './parts.ts'
import type { ClientUploadDeps } from './start.ts'
import type { UploadGrant } from './token.ts'

export const completeBody = z.object({
  parts: z
    .array(z.object({ PartNumber: z.int().min(1).max(MAX_PARTS), ETag: z.string().max(256) }))
    .min(1)
    .max(MAX_PARTS),
})

type RequestedParts = z.output<typeof completeBody>['parts']

export const completeResponse = z.object({
  location: z.string(),
  key: z.string(),
  /** Id of the job. */
  id: z.string(),
})

/**
 * `POST /s3/multipart/:uploadId/complete`: joins the parts. A repeated request succeeds, because the response to the first one
 * can get lost. What is measured is what is joined: S3 gets the ETags of its own list of parts.
 */
export function completeHandler(deps: ClientUploadDeps): EventHandler {
  const { config, multipart } = deps
  const { multipartBytes } = toUploadBounds(config)
  return async (event) => {
    const grant = await openGrant(deps, event)
    const { parts: requested } = await readBody(event, completeBody)
    const state = await multipart.read(grant)
    if (state.state === 'open') {
      const parts = selectParts(requested, state.parts)
      const total = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
      if (total > multipartBytes) {
        await multipart.abort(grant)
        throw tooLargeError('parts', total, multipartBytes)
      }
      await complete(deps, grant, parts)
    } else assertCompleted(state)
    const { key } = grant
    return respondJson({ location: await multipart.locate(key), key, id: toJobId(config.bucket, key) })
  }
}

/** `DELETE /s3/multipart/:uploadId`: deletes the parts. Has no effect on a completed upload. */
export function abortHandler(deps: ClientUploadDeps): EventHandler {
  return async (event) => {
    await deps.multipart.abort(await openGrant(deps, event))
    return respondJson({})
  }
}

async function complete({ multipart }: ClientUploadDeps, grant: UploadGrant, parts: readonly UploadedPart[]) {
  const completion = await multipart.complete(grant, parts)
  if (completion === 'completed') return
  if (typeof completion === 'object') throw partsError(`S3 does not accept the parts: ${completion.refused}`)
  // another request completed it at the same time, or the first response to this one was lost
  assertCompleted(await multipart.read(grant))
}

function assertCompleted({ state }: UploadState): void {
  if (state === 'gone') throw goneError()
  if (state === 'completed') return
  const detail = 'Another object has the key of the upload. Start the upload again.'
  throw problemError({ status: 409, detail, code: 'upload.conflict' })
}

/** Returns the requested parts in order, as S3 has them. Clients send ETags with and without quotes. */
function selectParts(requested: RequestedParts, uploaded: readonly UploadedPart[]): UploadedPart[] {
  const known = new Map(uploaded.map((part) => [part.number, part]))
  const selected = new Map<number, UploadedPart>()
  for (const { PartNumber: number, ETag } of requested) {
    const part = known.get(number)
    if (part === undefined) throw partsError(`part ${number} was not uploaded`)
    if (part.etag !== ETag.replaceAll('"', '')) throw partsError(`part ${number} has another ETag, "${part.etag}"`)
    if (selected.has(number)) throw partsError(`part ${number} is listed twice`)
    selected.set(number, part)
  }
  return [...selected.values()].toSorted((a, b) => a.number - b.number)
}

function partsError(detail: string) {
  return problemError({ status: 400, detail: `parts: ${detail}`, code: 'upload.parts' })
}
