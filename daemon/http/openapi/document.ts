import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponseObject } from 'zod-openapi'
import { z } from 'zod'
import type { ProblemCode } from '../problem-codes.ts'
import type { HttpRoute, Operation, OperationResponse } from '../route.ts'
import { commonHeaders, problemSchema, toProblemResponses } from './problems.ts'
import { ownRefusal, toSecuritySchemes, type Authorization } from './security.ts'

/** What the description of the API depends on. */
export type ApiDescription = {
  readonly routes: readonly HttpRoute[]
  readonly http: { readonly authorize?: Authorization }
}

type Described = HttpRoute & { readonly operation: Operation }

export type ApiDocument = ReturnType<typeof createDocument>

const description = `Uploads media files, and tells what became of them.

Paths with GET also accept HEAD, except for streams. Other methods get a 405 whose header \`allow\` lists the methods of the
path, and unknown paths get a 404. Every error is a problem.`

/** Creates the description of the API, in OpenAPI 3.1. */
export function describeApi({ routes, http }: ApiDescription): ApiDocument {
  const described = routes.filter((route): route is Described => route.operation !== null)
  const byPath = Map.groupBy(described, ({ path }) => toTemplate(path))
  return createDocument({
    openapi: '3.1.0',
    // the version of the API, which changes when clients have to change
    info: { title: 'mediad', version: '1', description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    paths: Object.fromEntries(Array.from(byPath, ([path, served]) => [path, toPathItem(served, http.authorize)])),
    components: { schemas: { Problem: problemSchema }, securitySchemes: toSecuritySchemes(http.authorize) },
  })
}

/** Converts the path of a route to OpenAPI's form: `/video/:id` to `/video/{id}`. */
export function toTemplate(path: string): string {
  return path.replaceAll(/(?:\*\*)?:(\w+)/g, '{$1}')
}

function toPathItem(served: readonly Described[], authorize: Authorization) {
  return Object.fromEntries(served.map((route) => [route.method.toLowerCase(), toOperation(route, authorize)]))
}

function toOperation(route: Described, authorize: Authorization): ZodOpenApiOperationObject {
  const { id, summary, description, params, query, body, responses, problems = [] } = route.operation
  const isPublic = route.access === 'public'
  const schemes = Object.keys(toSecuritySchemes(authorize))
  const isOpen = isPublic || typeof authorize !== 'function'
  const successes = Object.entries(responses).map(([status, response]) => [status, toResponse(response)] as const)
  return {
    operationId: id,
    summary,
    ...(description && { description }),
    ...(isOpen || schemes.length > 0 ? { security: isOpen ? [] : schemes.map((name) => ({ [name]: [] })) } : {}),
    requestParams: { ...(params && { path: params }), ...(query && { query }) },
    ...(body && { requestBody: toRequestBody(body) }),
    responses: {
      ...(isOpen || schemes.length > 0 ? {} : ownRefusal),
      ...toProblemResponses([...problems, ...toCommonProblems(route, authorize)]),
      ...Object.fromEntries(successes),
    },
  }
}

/** An empty body counts as `{}`. */
function toRequestBody(schema: z.ZodType) {
  return { required: !schema.safeParse({}).success, content: { 'application/json': { schema } } }
}

function toResponse({ description, contentType, schema }: OperationResponse): ZodOpenApiResponseObject {
  const response = { description, headers: z.object(commonHeaders) }
  if (contentType === undefined && schema === undefined) return response
  const types = [contentType ?? 'application/json'].flat().map((type) => type.replace(/;.*/, ''))
  return { ...response, content: Object.fromEntries(types.map((type) => [type, { schema: schema ?? z.string() }])) }
}

/** Returns the problems of every route of its kind. */
function toCommonProblems({ method, access }: HttpRoute, authorize: Authorization): ProblemCode[] {
  const common: ProblemCode[] = ['request.too_large', 'internal']
  if (method !== 'GET') common.push('request.cross_site')
  if (access === 'public') return common
  common.push('request.rate_limited', 'transient.storage')
  if (typeof authorize !== 'function') return common
  if (authorize.credentials) common.push('request.unauthorized')
  return [...common, 'request.invalid', 'transient.authorize']
}
