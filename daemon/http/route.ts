import type { EventHandler, H3Event } from 'h3'
import type { z } from 'zod'
import type { Budget } from './access/limits.ts'
import type { ProblemCode } from './problem-codes.ts'

/** A route of the endpoint. */
export type HttpRoute = {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Starts with a slash; `:name` stands for one segment, `**:name` at the end for the rest of the path. */
  readonly path: `/${string}`
  /**
   * True if a GET route also serves HEAD, with the headers of GET. Default for GET. Set it to `false` for a handler that
   * must not run for its headers alone, such as a stream; HEAD then gets 405.
   */
  readonly head?: boolean
  /**
   * `public`: no client needs authorization, as for the state of the daemon. Otherwise the request has an identity when the
   * config authorizes requests; `readIdentity` returns it. Default `identity`.
   */
  readonly access?: 'public' | 'identity'
  /** `uploads` for a route that creates uploads, of which a client can create fewer than it can send other requests. */
  readonly budget?: Budget
  /**
   * What the route accepts and responds, for the description of the API. Its schemas are those that the handler parses with. `null`
   * for what is not part of the API: the page.
   */
  readonly operation: Operation | null
  /** Largest body of a request in bytes, at most 1 MiB. Default 16 KiB. */
  readonly bodyBytes?: number
  readonly handler: EventHandler
}

/** The description of a route, from which `/openapi.json` is generated. */
export type Operation = {
  /** Unique, in camel case: `createUpload`. */
  readonly id: string
  /** One line without a period at the end. */
  readonly summary: string
  /** Markdown, for what the summary cannot say. */
  readonly description?: string
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  /** JSON body of the request. */
  readonly body?: z.ZodType
  /** Responses by status, except errors. */
  readonly responses: Readonly<Record<number, OperationResponse>>
  /** Codes of the problems that the route itself can respond with; those of every route are added. */
  readonly problems?: readonly ProblemCode[]
}

export type OperationResponse = {
  readonly description: string
  /** One type, or those that are possible. Default `application/json`. */
  readonly contentType?: string | readonly string[]
  /** Absent for a response without a body, and for one that is not JSON. */
  readonly schema?: z.ZodType
}

/** Returns the route that will handle a request; undefined if none does, or none with its method. */
export function findHttpRoute({ context }: H3Event): HttpRoute | undefined {
  return context.matchedRoute?.meta?.['route'] as HttpRoute | undefined
}
