import { HTTPResponse, type EventHandler, type H3Event } from 'h3'
import type { Config } from '../config/config.ts'
import type { JobDocument } from '../vocabulary/job.ts'
import type { PresignGet } from '../storage/presign.ts'
import { problemError } from './problem.ts'

/** Reads a job's document; null if the job does not exist (yet). */
export type ReadJob = (id: string) => Promise<JobDocument | null>

/** `GET /video/:id`: the public part of a job document. A malformed id gets the same 404 as an unknown one, without a read. */
export function jobHandler(deps: { config: Config; readJob: ReadJob; presignGet: PresignGet }): EventHandler {
  const { config, readJob } = deps
  return async (event) => {
    const withUrls = parseUrls(event, config)
    const id = event.context.params?.id ?? ''
    const document = /^[0-9a-f]{32}$/.test(id) ? await readJob(id) : null
    if (document === null) {
      const detail = 'There is no job with this id. A job appears shortly after its upload is complete.'
      throw problemError({ status: 404, detail, code: 'job.not_found' })
    }
    const body = withUrls ? await addUrls(document, deps) : toPublic(document)
    return new HTTPResponse(JSON.stringify(body), { headers: { 'content-type': 'application/json' } })
  }
}

/** Returns whether the request asks for URLs of the outputs: `?urls=1`. */
function parseUrls(event: H3Event, { http }: Config): boolean {
  const urls = event.url.searchParams.get('urls')
  if (urls === null) return false
  if (urls !== '1') throw problemError({ status: 400, detail: 'urls: must be 1, or left out', code: 'request.invalid' })
  if (http.outputUrls) return true
  const detail = 'URLs of outputs are off. The option http.outputUrls of the config turns them on.'
  throw problemError({ status: 403, detail, code: 'request.forbidden' })
}

/** Adds a presigned URL to each output. It is created for every request, because a URL expires. */
async function addUrls(document: JobDocument, { config, presignGet }: { config: Config; presignGet: PresignGet }) {
  const body = toPublic(document)
  const outputs = await Promise.all(
    body.outputs.map(async (output) => Object.assign({}, output, { url: await presignGet(output.key) })),
  )
  return { ...body, outputs, expiresIn: config.http.urlSeconds }
}

/** Returns the public part of a document: without its owner and without the output of programs. */
export function toPublic(document: JobDocument) {
  const { id, state, attempt, progress, source, media, outputs, warnings = [], error, timings } = document
  return {
    id,
    state,
    attempt,
    progress,
    source: { key: source.key, sizeBytes: source.sizeBytes, ...(media && { media }) },
    outputs,
    warnings,
    error: error && { code: error.code, message: error.message },
    timings,
  }
}
