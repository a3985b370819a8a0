import { HTTPResponse, type EventHandler } from 'h3'
import type { JobDocument } from '../vocabulary/job.ts'
import { refuse } from './problem.ts'

/** Null when there is no such job (yet). */
export type ReadJob = (id: string) => Promise<JobDocument | null>

/** `GET /video/:id`. An id that cannot be one is answered like one that is not there, and asks nobody. */
export function jobHandler({ readJob }: { readJob: ReadJob }): EventHandler {
  return async ({ context }) => {
    const id = context.params?.id ?? ''
    const document = /^[0-9a-f]{32}$/.test(id) ? await readJob(id) : null
    if (document === null) {
      const detail = 'There is no such job. A job appears shortly after its upload has ended.'
      throw refuse({ status: 404, detail, code: 'job.not_found' })
    }
    return new HTTPResponse(JSON.stringify(toPublic(document)), { headers: { 'content-type': 'application/json' } })
  }
}

/** What of a document is anybody's business: nothing about who works on it, and no output of programs. */
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
