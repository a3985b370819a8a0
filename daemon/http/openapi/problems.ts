import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import type { ZodOpenApiResponseObject } from 'zod-openapi'
import { listProblems, problemCodes, type ProblemCode } from '../problem-codes.ts'

const codes = Object.keys(problemCodes) as ProblemCode[]

/** Problem details (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int().meta({ description: 'Status of the response.' }),
    detail: z.string().exactOptional().meta({ description: 'What is wrong, for people.' }),
    code: z.enum(codes).meta({ description: 'What is wrong, for programs.' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457).' })

/** Headers of every response. */
export const commonHeaders = {
  'x-request-id': z
    .string()
    .meta({ description: 'Id of the request in the log of the daemon.', header: { id: 'RequestId' } }),
}

const retryAfter = {
  'retry-after': z.string().exactOptional().meta({ description: 'Seconds after which to try again.' }),
}
const extraHeaders: Readonly<Record<number, z.ZodRawShape>> = {
  401: { 'www-authenticate': z.string().exactOptional().meta({ description: 'The kind of token that is needed.' }) },
  429: retryAfter,
  503: retryAfter,
}

/** Describes the responses with problems of these codes, by status. Equal responses are described once. */
export function toProblemResponses(possible: readonly ProblemCode[]): Record<string, ZodOpenApiResponseObject> {
  const byStatus = Map.groupBy(listProblems([...new Set(possible)].toSorted()), ({ status }) => status)
  return Object.fromEntries(Array.from(byStatus, ([status, same]) => [String(status), toResponse(status, same)]))
}

const described = new Map<string, ZodOpenApiResponseObject>()

function toResponse(status: number, problems: ReturnType<typeof listProblems>): ZodOpenApiResponseObject {
  const known = problems.map(({ code }) => code)
  const id = [status, ...known].join('-')
  const existing = described.get(id)
  if (existing) return existing
  const schema = problemSchema.and(z.looseObject({ status: z.literal(status), code: z.enum(known) }))
  const response = {
    id,
    description: [`${STATUS_CODES[status]}.`, '', ...problems.map(describe)].join('\n'),
    headers: z.object({ ...commonHeaders, ...extraHeaders[status] }),
    content: { 'application/problem+json': { schema } },
  }
  described.set(id, response)
  return response
}

/** Leaves the links out, which are those of a page of docs/. */
function describe({ code, advice }: { code: ProblemCode; advice: string }): string {
  return `- \`${code}\`: ${advice.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')}.`
}
