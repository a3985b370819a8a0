import { isIP } from 'node:net'
import type { H3Event } from 'h3'
import { problemError } from '../problem.ts'

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Rejects requests that a page of another origin sends from the browser of a user, unless the config allows the origin: the
 * browser adds the user's cookies, and reaches servers that only the user's machine can reach. Requests that only read are
 * let through, because the browser does not let such a page read the response.
 *
 * @throws HTTPError 403
 */
export function rejectCrossSite({ req }: H3Event, allowed: readonly string[]): void {
  if (SAFE_METHODS.has(req.method)) return
  const origin = req.headers.get('origin')
  if (origin !== null && allowed.includes(origin)) return
  if (isSameOrigin(req.headers, origin)) return
  const detail = 'The request comes from a page of an origin that http.cors does not list.'
  throw problemError({ status: 403, detail, code: 'request.cross_site' })
}

/** Programs that are not browsers send neither header. Browsers send the first to https and to this machine only. */
function isSameOrigin(headers: Headers, origin: string | null): boolean {
  const site = headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin' || site === 'none'
  return origin === null || URL.parse(origin)?.host === headers.get('host')
}

/**
 * Rejects requests whose host is a name of the DNS. For an endpoint that is open to every program on this machine: a page of
 * another site could let its own name point to this machine, and its requests would then be of the same origin. The name of an
 * attacker has a dot; addresses, `localhost` and names of one label, such as those of containers, can be of no other site.
 *
 * @throws HTTPError 403
 */
export function rejectForeignHost({ req }: H3Event): void {
  // not the URL of the request: its host is a placeholder when h3 does not know the form
  const name = (req.headers.get('host') ?? '').replace(/:\d*$/, '').toLowerCase()
  const isOwn = !name.includes('.') || name.endsWith('.localhost') || isIP(name.replaceAll(/[[\]]/g, '')) > 0
  if (isOwn) return
  const detail =
    'Without http.authorize, the host must be an address, localhost, or a name without a dot. Set it to "none" if a server ' +
    'in front authorizes clients.'
  throw problemError({ status: 403, detail, code: 'request.host' })
}
