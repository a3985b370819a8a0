import { z } from 'zod'
import { respondText } from '../respond.ts'
import type { HttpRoute } from '../route.ts'
import type { ApiDescription } from './document.ts'

const schema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.unknown()),
})

/** Creates the route of the description of all routes. The package that generates it is loaded by the first request. */
export function openApiRoute(describe: () => ApiDescription): HttpRoute {
  let text: Promise<string> | undefined
  return {
    method: 'GET',
    path: '/openapi.json',
    access: 'public',
    operation: {
      id: 'getOpenApi',
      summary: 'Read this description',
      responses: { 200: { description: 'The description, in OpenAPI 3.1.', schema } },
    },
    handler: async () => respondText(await (text ??= render(describe()))),
  }
}

async function render(description: ApiDescription): Promise<string> {
  const { describeApi } = await import('./document.ts')
  return JSON.stringify(describeApi(description))
}
