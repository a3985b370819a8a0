import type { EventHandler } from 'h3'
import { z } from 'zod'
import type { Identity } from '../../vocabulary/identity.ts'
import type { JobDocument } from '../../vocabulary/job.ts'
import { readIdentity } from '../access/identity.ts'
import { problemError } from '../problem.ts'
import { respondJson } from '../respond.ts'
import { publicJobSchema, toPublic } from './public.ts'

type PageRequest = {
  readonly limit: number
  /** Where the page before ended; null for the first page. */
  readonly cursor: string | null
}

/** Jobs, the newest first, and where the next page begins; null after the last. */
type JobPage = { readonly jobs: readonly JobDocument[]; readonly cursor: string | null }

/** Reads a page of an identity's jobs, or of all jobs if it is null, unless they are too many to sort them. */
export type ListPage = (
  identity: Identity | null,
  request: PageRequest,
) => Promise<JobPage | 'invalid_cursor' | 'too_many'>

export const listQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(20)
    .meta({ description: 'Number of jobs. The page can have fewer, also when others follow.' }),
  cursor: z.string().min(1).max(200).exactOptional().meta({ description: '`cursor` of the page before.' }),
})

export const jobPageSchema = z.object({
  jobs: z.array(publicJobSchema),
  cursor: z.string().nullable().meta({ description: 'For the next page; null after the last job.' }),
})

/** `GET /videos`: the jobs of the client, or all jobs without authorization, the newest first. */
export function listHandler({ listPage }: { listPage: ListPage }): EventHandler {
  return async (event) => {
    const { limit, cursor } = parseQuery(event.url)
    const page = await listPage(readIdentity(event), { limit, cursor: cursor ?? null })
    if (page === 'invalid_cursor') throw invalidCursor()
    if (page === 'too_many') throw tooMany()
    return respondJson({ jobs: page.jobs.map(toPublic), cursor: page.cursor })
  }
}

function parseQuery({ searchParams }: URL) {
  const limit = searchParams.get('limit')
  // an empty or signed text would be converted to a number
  if (limit !== null && !/^\d{1,3}$/.test(limit)) throw invalidLimit()
  const cursor = searchParams.get('cursor')
  const parsed = listQuery.safeParse({ ...(limit !== null && { limit }), ...(cursor !== null && { cursor }) })
  if (parsed.success) return parsed.data
  throw parsed.error.issues.some(({ path }) => path[0] === 'limit') ? invalidLimit() : invalidCursor()
}

const invalidCursor = () => invalid('cursor: must be the cursor of an earlier page')
const invalidLimit = () => invalid('limit: must be an integer from 1 to 100')

function invalid(detail: string) {
  return problemError({ status: 400, detail, code: 'request.invalid' })
}

function tooMany() {
  const detail = 'The bucket has too many jobs to list them all. The jobs of an identity can be listed.'
  return problemError({ status: 501, detail, code: 'job.too_many' })
}
