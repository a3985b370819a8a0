import { MediadError } from '../vocabulary/errors.ts'
import type { Credential } from '../vocabulary/identity.ts'
import { parse, renderProblem } from '../vocabulary/validation/validation.ts'
import { z } from 'zod'

/** Accepts the name of a cookie. */
export const cookieName = () =>
  z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}$/, 'must be the name of a cookie, such as "session"')

/**
 * Validates the options of a function that authorizes.
 *
 * @throws MediadError `config.invalid` with one line per problem. It does not contain secrets
 */
export function parseOptions<Schema extends z.ZodType>(name: string, schema: Schema, options: unknown) {
  const parsed = parse(schema, options)
  if (parsed.ok) return parsed.data
  const lines = parsed.problems.map((problem) => `${name}: ${renderProblem(problem)}`)
  throw new MediadError('config.invalid', lines.join('\n'))
}

/** Returns where {@link readToken} looks for a token. */
export function toCredentials(cookie: string | undefined): readonly Credential[] {
  return [{ type: 'bearer' }, ...(cookie === undefined ? [] : [{ type: 'cookie', name: cookie } as const])]
}

/** Returns the token of the header `authorization: Bearer`, or that of a cookie; null if the request has neither. */
export function readToken({ headers }: Request, cookie: string | undefined): string | null {
  const [, token] = /^bearer +([\w.~+/-]+=*) *$/i.exec(headers.get('authorization') ?? '') ?? []
  if (token !== undefined || headers.has('authorization')) return token ?? null
  return cookie === undefined ? null : readCookie(headers.get('cookie') ?? '', cookie)
}

/** A cookie that is sent twice with different values is ambiguous: a site on another subdomain can have set one of them. */
function readCookie(header: string, name: string): string | null {
  const values = header.split(';').flatMap((pair) => {
    const [key = '', ...rest] = pair.split('=')
    return key.trim() === name && rest.length > 0 ? [rest.join('=').trim().replaceAll(/^"|"$/g, '')] : []
  })
  const [value = ''] = values
  return value !== '' && values.every((other) => other === value) ? value : null
}

/** Creates the response to a request without a token, or with one that is not valid for the given reason. */
export function respondUnauthorized(reason?: string): Response {
  const challenge = reason === undefined ? 'Bearer realm="mediad"' : 'Bearer realm="mediad", error="invalid_token"'
  const detail = reason ?? 'The request has no token: send the header "authorization: Bearer <token>".'
  const problem = { type: 'about:blank', title: 'Unauthorized', status: 401, detail, code: 'request.unauthorized' }
  const headers = { 'content-type': 'application/problem+json', 'www-authenticate': challenge }
  return new Response(JSON.stringify(problem), { status: 401, headers })
}
