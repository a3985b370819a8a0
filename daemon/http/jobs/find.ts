import type { HTTPError } from 'h3'
import { z } from 'zod'
import type { Config } from '../../config/config.ts'
import { findRoute } from '../../protocol/route.ts'
import { MediadError } from '../../vocabulary/errors.ts'
import type { Identity } from '../../vocabulary/identity.ts'
import { jobIdSchema, MAX_KEY_BYTES, toJobId, type JobDocument } from '../../vocabulary/job.ts'
import { isVisible } from '../access/ownership.ts'
import { problemError } from '../problem.ts'
import type { QueuedSource } from './public.ts'

/** Reads a job's document; null if the job does not exist (yet). */
export type ReadJob = (id: string) => Promise<JobDocument | null>

/**
 * Returns the size of a source in the bucket and the id of the identity that uploaded it, if one did; null if there is no
 * object.
 */
export type FindSource = (key: string) => Promise<{ sizeBytes: number; identity?: string | null } | null>

export type FindDeps = { config: Pick<Config, 'bucket' | 'routes'>; readJob: ReadJob; findSource: FindSource }

/** The parameters of a route whose path has the id of a job. Not `jobIdSchema`: an id of another form gets a 404. */
export const idParams = z.object({ id: z.string().meta({ description: 'Id of the job.' }) })

/**
 * Finds the document of a job that the client can see. A malformed id gets the same 404 as an unknown one, without a read. So
 * does the job of another identity, after the same requests as for an unknown id: the time must not reveal that it exists.
 *
 * @throws HTTPError 404
 */
export async function findById(deps: FindDeps, id: string, identity: Identity | null): Promise<JobDocument> {
  if (!jobIdSchema.safeParse(id).success) throw noJob()
  const document = await deps.readJob(id)
  if (document !== null && isVisible(identity, document.identity ?? null)) return document
  if (identity === null) throw noJob()
  // until the source is downloaded, only its metadata has the identity
  const source = await findUpload(deps, document?.source.key ?? `${deps.config.routes[0].prefix}${id}`)
  const isOwn = document?.identity === undefined && isVisible(identity, source?.identity ?? null)
  if (document !== null && isOwn) return document
  throw noJob()
}

/** A job by the key of its source: its document, or an upload that no daemon has claimed. */
export type FoundByKey =
  | { readonly id: string; readonly document: JobDocument }
  | { readonly id: string; readonly document: null; readonly source: QueuedSource }

export const keyQuery = z.object({
  key: z
    .string()
    .refine((key) => key !== '' && key.isWellFormed() && Buffer.byteLength(key) <= MAX_KEY_BYTES)
    .meta({ description: 'Key of the source.' }),
})

/**
 * Like {@link findById}, by the key of the source. Keys outside of the source prefix get the 404 of a missing upload, without a
 * read: the response must not reveal which other objects exist.
 *
 * @throws HTTPError 400, 404
 */
export async function findByKey(deps: FindDeps, url: URL, identity: Identity | null): Promise<FoundByKey> {
  const query = keyQuery.safeParse({ key: url.searchParams.get('key') ?? '' })
  if (!query.success) {
    const detail = `key: must be the key of an upload, of 1 to ${MAX_KEY_BYTES} bytes`
    throw problemError({ status: 400, detail, code: 'request.invalid' })
  }
  const { key } = query.data
  const { bucket, routes } = deps.config
  if (findRoute(routes, key) === undefined) throw noUpload()
  const id = toJobId(bucket, key)
  if (identity !== null) return await findOwnByKey(deps, { id, key, identity })
  const document = await deps.readJob(id)
  if (document !== null) return { id, document }
  const source = await findUpload(deps, key)
  if (source === null) throw noUpload()
  return { id, document, source: { key, ...source } }
}

/** Sends both requests whether or not the first is enough: see {@link findById}. */
async function findOwnByKey(
  deps: FindDeps,
  { id, key, identity }: { id: string; key: string; identity: Identity },
): Promise<FoundByKey> {
  const [document, source] = await Promise.all([deps.readJob(id), findUpload(deps, key)])
  if (!isVisible(identity, document?.identity ?? source?.identity ?? null)) throw noUpload()
  if (document !== null) return { id, document }
  if (source === null) throw noUpload()
  return { id, document, source: { key, ...(source.sizeBytes !== undefined && { sizeBytes: source.sizeBytes }) } }
}

/** An object that S3 cannot decrypt exists; its size and identity are unknown until the job reports the error. */
async function findUpload({ findSource }: Pick<FindDeps, 'findSource'>, key: string) {
  try {
    const found: { sizeBytes?: number; identity?: string | null } | null = await findSource(key)
    return found
  } catch (error) {
    if (error instanceof MediadError && error.code === 'input.key_unavailable') return {}
    throw error
  }
}

function noJob(): HTTPError {
  const detail = 'There is no job with this id. A job appears when a daemon claims it; GET /video?key= finds uploads.'
  return problemError({ status: 404, detail, code: 'job.not_found' })
}

function noUpload(): HTTPError {
  const detail = 'There is no upload with this key, and no job of an earlier one.'
  return problemError({ status: 404, detail, code: 'job.not_found' })
}
