import { HTTPResponse, type EventHandler } from 'h3'
import type { JobDocument } from '../vocabulary/job.ts'
import { problemError } from './problem.ts'

/** Reads a job's document; null if the job does not exist (yet). */
export type ReadJob = (id: string) => Promise<JobDocument | null>

/** `GET /video/:id`: the public part of a job document. A malformed id gets the same 404 as an unknown one, without a read. */
export function jobHandler({ readJob }: { readJob: ReadJob }): EventHandler {
  return async ({ context }) => {
    const id = context.params?.id ?? ''
    const document = /^[0-9a-f]{32}$/.test(id) ? await readJob(id) : null
    if (document === null) {
      const detail = 'There is no job with this id. A job appears shortly after its upload is complete.'
      throw problemError({ status: 404, detail, code: 'job.not_found' })
    }
    return new HTTPResponse(JSON.stringify(toPublic(document)), { headers: { 'content-type': 'application/json' } })
  }
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
    error: error && {
      code: error.code,
      message: error.message,
      ...(error.plugin !== undefined && { plugin: error.plugin }),
    },
    timings,
  }
}
