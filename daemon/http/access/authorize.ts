import type { H3Event, Middleware } from 'h3'
import type { Config } from '../../config/config.ts'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'
import { explainId, type Authorize, type Identity } from '../../vocabulary/identity.ts'
import { describeValue } from '../../vocabulary/validation/validation.ts'
import { isLoopback, toClientNetwork } from '../../vocabulary/address.ts'
import type { DaemonLog } from '../../vocabulary/log.ts'
import { problemError } from '../problem.ts'
import { findHttpRoute } from '../route.ts'
import { createReadAddress } from './address.ts'
import { rejectCrossSite, rejectForeignHost } from './cross-site.ts'
import { setIdentity } from './identity.ts'
import { createLimits } from './limits.ts'

/** Time for a decision. The keys of an issuer are fetched within it. */
const AUTHORIZE_MS = 10_000

export type AccessOptions = Pick<Config['http'], 'authorize' | 'cors' | 'rateLimit' | 'trustProxy'> & {
  /** Time for a decision in milliseconds. Default: 10 s. */
  timeoutMs?: number
  log: DaemonLog
}

/**
 * Creates the middleware that decides, before the route, whether a request goes on: it calls `http.authorize` and takes the
 * request from the budget of the client, whatever the route, except for `public` ones. With a function, a request goes on only
 * with an identity. Anything else than an identity or a response, an error, and a decision that takes too long are responses
 * of 500 and 503.
 */
export function createAccess(options: AccessOptions): Middleware {
  const { authorize, cors, timeoutMs = AUTHORIZE_MS } = options
  const limits = createLimits(options.rateLimit)
  const readClient = createReadClient(options)
  return async (event) => {
    rejectCrossSite(event, cors)
    const route = findHttpRoute(event)
    if (route?.access === 'public') return undefined
    if (authorize === undefined) rejectForeignHost(event)
    const decision = typeof authorize === 'function' ? await decide(authorize, toRequest(event), timeoutMs) : open
    const client = 'identity' in decision ? `identity ${decision.identity.id}` : readClient(event)
    if (client !== null) await limits.take(route?.budget ?? 'requests', client)
    if ('response' in decision) return decision.response
    if ('identity' in decision) setIdentity(event, decision.identity)
    return undefined
  }
}

type Decision = { readonly identity: Identity } | { readonly response: Response } | typeof open

/** The decision when no function decides. */
const open = { everyone: true } as const

/**
 * Creates a function that returns whose budget a request without an identity takes from: that of the client's network, and null
 * for programs on this machine. Logs a warning once if requests come through a proxy that is not trusted.
 */
function createReadClient({ trustProxy, log }: AccessOptions): (event: H3Event) => string | null {
  const readAddress = createReadAddress(trustProxy)
  let hasWarned = false
  return (event) => {
    const address = readAddress(event)
    const isPeer = address === event.runtime?.node?.req.socket.remoteAddress
    if (!hasWarned && isPeer && event.req.headers.has('x-forwarded-for')) {
      hasWarned = true
      const message = `requests come through ${address}, which http.trustProxy does not list: the addresses of its clients are unknown`
      log.warn({ event: 'http.proxy_untrusted', address }, message)
    }
    return isLoopback(address) ? null : `address ${toClientNetwork(address)}`
  }
}

/** Creates a request without a body, because the route reads the body. */
function toRequest({ req }: H3Event): Request {
  const url = URL.parse(req.url)
  if (url === null || !/^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(req.method)) {
    const detail = 'The method or the host header is not valid.'
    throw problemError({ status: 400, detail, code: 'request.invalid' })
  }
  return new Request(url, { method: req.method, headers: req.headers, signal: req.signal })
}

async function decide(authorize: Authorize, request: Request, timeoutMs: number): Promise<Decision> {
  const late = Promise.withResolvers<never>()
  const message = `http.authorize has not decided within ${timeoutMs / 1000} s`
  let result: unknown
  const timer = setTimeout(() => late.reject(new MediadError('transient.authorize', message)), timeoutMs)
  try {
    result = await Promise.race([callAuthorize(authorize, request), late.promise])
  } catch (thrown) {
    throw toRefusal(thrown)
  } finally {
    clearTimeout(timer)
  }
  return result instanceof Response ? { response: copyResponse(result) } : { identity: toIdentity(result) }
}

/** Replaces the error, because a status that it may have must not become that of the response. */
function toRefusal(thrown: unknown): Error {
  if (!(thrown instanceof MediadError && thrown.code === 'transient.authorize'))
    return new MediadError('internal.authorize', `http.authorize failed: ${toMessage(thrown)}`, { cause: thrown })
  const detail = 'Who sent the request cannot be checked at present. Try again.'
  const headers = { 'retry-after': '5' }
  return problemError({ status: 503, detail, code: 'transient.authorize', headers, cause: thrown })
}

/** Turns an error that `authorize` throws at once into a rejection. */
async function callAuthorize(authorize: Authorize, request: Request): Promise<unknown> {
  return await authorize(request)
}

/** Copies a response, because the headers of some, such as redirects, cannot be changed. */
function copyResponse(response: Response): Response {
  const { status, statusText, headers, body, bodyUsed } = response
  if (status === 0) throw toWrongResult('Response.error(), which has no status')
  if (bodyUsed || body?.locked) throw toWrongResult('a Response that was sent before; create one for each request')
  return new Response(body, { status, statusText, headers })
}

function toIdentity(decision: unknown): Identity {
  if (typeof decision !== 'object' || decision === null) throw toWrongResult(describeValue(decision))
  const { id } = decision as { id?: unknown }
  const problem = explainId(id)
  if (problem !== undefined) throw toWrongResult(`an object whose id is not valid: it ${problem}`)
  return { id: id as string }
}

function toWrongResult(what: string): MediadError {
  return new MediadError('internal.authorize', `http.authorize returned ${what}. It must return { id } or a Response`)
}
