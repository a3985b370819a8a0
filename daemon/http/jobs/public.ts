import { z } from 'zod'
import {
  jobErrorSchema,
  jobIdSchema,
  outputSchema,
  timingSchema,
  mediaSchema,
  warningSchema,
} from '../../vocabulary/job.ts'
import type { JobDocument } from '../../vocabulary/job.ts'

/** The public part of a job, which every route of jobs responds with. */
export const publicJobSchema = z
  .object({
    id: jobIdSchema,
    state: z.enum(['queued', 'processing', 'failed', 'released', 'succeeded', 'dead']),
    attempt: z.int().min(0),
    progress: z.object({
      plugin: z.string().nullable(),
      percent: z.number(),
      pluginPercent: z.number().exactOptional(),
    }),
    source: z.object({
      key: z.string(),
      sizeBytes: z.int().min(0).exactOptional(),
      media: mediaSchema.exactOptional(),
    }),
    outputs: z.array(outputSchema.extend({ url: z.url().exactOptional() })),
    warnings: z.array(warningSchema),
    error: jobErrorSchema.pick({ code: true, message: true, plugin: true }).nullable(),
    timings: z.object({
      startedAt: z.string().nullable(),
      endedAt: z.string().nullable(),
      plugins: z.array(timingSchema),
    }),
    expiresIn: z.int().exactOptional(),
  })
  .meta({ id: 'Job' })

/** An upload that no daemon has claimed. Its size is absent if S3 cannot decrypt it. */
export type QueuedSource = { readonly key: string; readonly sizeBytes?: number }

/** Returns the public job of an upload that no daemon has claimed. */
export function toQueued(id: string, { key, sizeBytes }: QueuedSource) {
  const timings = { startedAt: null, endedAt: null, plugins: [] }
  const results = { outputs: [], warnings: [], error: null }
  const source = { key, ...(sizeBytes !== undefined && { sizeBytes }) }
  return { id, state: 'queued', attempt: 0, progress: { plugin: null, percent: 0 }, source, ...results, timings }
}

/**
 * Returns the public part of a document: without its owner, its identity and the output of programs. A dead job that was
 * redriven is `queued`.
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
