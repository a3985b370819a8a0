import type { EventHandler, HTTPResponse } from 'h3'
import { MAX_KEY_BYTES, toJobId, type JobDocument } from '../../vocabulary/job.ts'
import { MediadError } from '../../vocabulary/errors.ts'
import type { Config } from '../../config/config.ts'
import { findRoute } from '../../protocol/route.ts'
import { addUrls, parseUrls, type UrlDeps } from './output-urls.ts'
import { problemError } from '../problem.ts'
import { respondJson } from '../respond.ts'

/** Reads a job's document; null if the job does not exist (yet). */
export type ReadJob = (id: string) => Promise<JobDocument | null>

/** `GET /video/:id`: the public part of a job document. A malformed id gets the same 404 as an unknown one, without a read. */
export function jobHandler(deps: UrlDeps & { readJob: ReadJob }): EventHandler {
  return async ({ context, url }) => {
    const withUrls = parseUrls(url, deps.config)
    const id = context.params?.id ?? ''
    const document = /^[0-9a-f]{32}$/.test(id) ? await deps.readJob(id) : null
    if (document !== null) return respondWith(document, withUrls, deps)
    const detail = 'There is no job with this id. A job appears when a daemon claims it; GET /video?key= finds uploads.'
    throw problemError({ status: 404, detail, code: 'job.not_found' })
  }
}

async function respondWith(document: JobDocument, withUrls: boolean, deps: UrlDeps): Promise<HTTPResponse> {
  const body = toPublic(document)
  return respondJson(withUrls ? await addUrls(body, deps) : body)
}

/** Returns the size of a source in the bucket; null if there is no object. */
export type FindSource = (key: string) => Promise<{ sizeBytes: number } | null>

export type KeyDeps = UrlDeps & { config: Pick<Config, 'bucket' | 'routes'>; readJob: ReadJob; findSource: FindSource }

/**
 * `GET /video?key=…`: like {@link jobHandler}, but an upload that no daemon has claimed yet is `queued`. Keys outside of the
 * source prefix get the 404 of a missing upload, without a read: the response must not reveal which other objects exist.
 */
export function keyHandler(deps: KeyDeps): EventHandler {
  const { config, readJob, findSource } = deps
  return async ({ url }) => {
    const withUrls = parseUrls(url, config)
    const key = url.searchParams.get('key') ?? ''
    if (key === '' || !key.isWellFormed() || Buffer.byteLength(key) > MAX_KEY_BYTES) {
      const detail = `key: must be the key of an upload, of 1 to ${MAX_KEY_BYTES} bytes`
      throw problemError({ status: 400, detail, code: 'request.invalid' })
    }
    const id = toJobId(config.bucket, key)
    const isSource = findRoute(config.routes, key) !== undefined
    const document = isSource ? await readJob(id) : null
    if (document !== null) return respondWith(document, withUrls, deps)
    const source = isSource ? await findUpload(findSource, key) : null
    if (source !== null) return respondJson(toQueued(id, { key, ...source }))
    const detail = 'There is no upload with this key, and no job of an earlier one.'
    throw problemError({ status: 404, detail, code: 'job.not_found' })
  }
}

/** An object that S3 cannot decrypt exists; its size is unknown until the job reports the error. */
async function findUpload(findSource: FindSource, key: string): Promise<{ sizeBytes?: number } | null> {
  try {
    const found = await findSource(key)
    return found && { sizeBytes: found.sizeBytes }
  } catch (error) {
    if (error instanceof MediadError && error.code === 'input.key_unavailable') return {}
    throw error
  }
}

function toQueued(id: string, source: { key: string; sizeBytes?: number }) {
  const timings = { startedAt: null, endedAt: null, plugins: [] }
  const results = { outputs: [], warnings: [], error: null }
  return { id, state: 'queued', attempt: 0, progress: { plugin: null, percent: 0 }, source, ...results, timings }
}

/**
 * Returns the public part of a document: without its owner and without the output of programs. A dead job that was redriven
 * is `queued`.
 */
export function toPublic(document: JobDocument) {
  const { id, attempt, source, media, outputs, warnings = [], error, timings } = document
  const isRedriven = document.state === 'dead' && document.redrivenAt !== undefined
  return {
    id,
    state: isRedriven ? 'queued' : document.state,
    attempt,
    progress: isRedriven ? { plugin: null, percent: 0 } : document.progress,
    source: { key: source.key, sizeBytes: source.sizeBytes, ...(media && { media }) },
    outputs,
    warnings,
    error: error && {
      code: error.code,
      message: error.message,
      ...(error.plugin !== undefined && { plugin: error.plugin }),
    },
    timings,
  }
}
