import { isUtf8 } from 'node:buffer'
import { HTTPError, type H3Event } from 'h3'
import type { z } from 'zod'
import { parse, renderProblem } from '../vocabulary/validation/validation.ts'
import { problemError } from './problem.ts'
import type { HttpRoute } from './route.ts'

/** Largest body of a request, unless its route accepts more. */
const BODY_BYTES = 16 * 1024

/** Largest body that a route can accept. */
export const LARGEST_BODY_BYTES = 1024 * 1024

/** Problems of a request that the response names: a list of 10,000 parts can have 20,000. */
const MAX_PROBLEMS = 10

const limits = new WeakMap<H3Event, number>()

/** Returns a route that responds with 413 to larger bodies than it accepts. */
export function limitBody(route: HttpRoute): HttpRoute {
  const { bodyBytes = BODY_BYTES } = route
  const handler: HttpRoute['handler'] = (event) => {
    if (Number(event.req.headers.get('content-length')) > bodyBytes) throw new HTTPError({ status: 413 })
    limits.set(event, bodyBytes) // for a body without a length
    return route.handler(event)
  }
  return { ...route, handler }
}

/**
 * Reads and validates a JSON body. An empty body counts as `{}`.
 *
 * @throws HTTPError 400 for a body that is not valid, 413 for one that is too large
 */
export async function readBody<Schema extends z.ZodType>(event: H3Event, schema: Schema): Promise<z.output<Schema>> {
  const text = await readText(event)
  return validate(schema, text.trim() === '' ? {} : parseJson(text))
}

/** Validates the query. @throws HTTPError 400 */
export function readQuery<Schema extends z.ZodType>({ url }: H3Event, schema: Schema): z.output<Schema> {
  return validate(schema, Object.fromEntries(url.searchParams))
}

function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = parse(schema, value)
  if (parsed.ok) return parsed.data
  const details = parsed.problems.slice(0, MAX_PROBLEMS).map((problem) => toDetail(renderProblem(problem)))
  const more = parsed.problems.length - details.length
  throw invalidRequest([...details, ...(more > 0 ? [`and ${more} more`] : [])].join('; '))
}

/** Creates the error for a request that its sender must correct. */
export function invalidRequest(detail: string): HTTPError {
  return problemError({ status: 400, detail, code: 'request.invalid' })
}

/**
 * Reads the body of a request from the connection: h3 would close it on a body that is too large, before the client has read
 * the response.
 */
async function readText(event: H3Event): Promise<string> {
  const limit = limits.get(event) ?? BODY_BYTES
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of event.runtime?.node?.req.iterator({ destroyOnReturn: false }) ?? []) {
      bytes += (chunk as Buffer).length
      if (bytes > limit) throw new HTTPError({ status: 413 })
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    if (HTTPError.isError(error)) throw error
    throw invalidRequest('The request ended before its body was complete.')
  }
  return decode(Buffer.concat(chunks))
}

/** Rejects invalid UTF-8, which would become other text. */
function decode(body: Buffer): string {
  if (isUtf8(body)) return body.toString()
  throw invalidRequest('The body is not valid UTF-8.')
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw invalidRequest('The body is not valid JSON.')
  }
}

/** Makes problems of the entire value refer to the body; the validator is shared with the config and calls it "config". */
function toDetail(line: string): string {
  return line.replace(/^config: /, 'The body ')
}
