import type { JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose'
import { z } from 'zod'
import { explainId, type Authorize } from '../vocabulary/identity.ts'
import { describeMissing } from '../vocabulary/validation/missing.ts'
import { cookieName, parseOptions, readToken, respondUnauthorized, toCredentials } from './credentials.ts'
import { asymmetric, createKeySet, isKeySource, toSecretKey, type KeySource } from './keys.ts'

/** Options of `jwt()`: one of `jwks` and `secret`, and whom the tokens are for and from. */
export type JwtOptions = {
  /** URL of the issuer's public keys (https, or http on this machine), or the JSON Web Key Set itself. */
  jwks?: KeySource | undefined
  /** Secret that signs the tokens with HMAC (HS256, HS384, HS512): at least 32 bytes. */
  secret?: string | undefined
  /** Claim `aud` that a token must have, or several of which it must have one; null for an issuer that sets none. */
  audience: string | readonly string[] | null
  /** Claim `iss` that a token must have, or several of which it must have one; null for an issuer that sets none. */
  issuer: string | readonly string[] | null
  /** Claim with the id of the identity, or a function that returns it from the claims. Default: `sub`. */
  id?: string | ((claims: Readonly<Record<string, unknown>>) => string) | undefined
  /** Tolerated difference between the clocks of the issuer and of this machine, in seconds. Default: 10. */
  clockToleranceSeconds?: number | undefined
  /** Name of a cookie that can have the token, for browsers. The header takes precedence. Default: none. */
  cookie?: string | undefined
}

const names = () =>
  z.union([z.string().min(1), z.array(z.string().min(1)).min(1).readonly(), z.null()], {
    error: ({ input }) =>
      describeMissing(input) ?? 'must be text, a list of texts, or null for an issuer that sets none',
  })

const schema = z
  .strictObject({
    jwks: z
      .custom<KeySource>(isKeySource, {
        error: ({ input }) =>
          describeMissing(input) ??
          'must be an https URL (http on this machine), or a key set, { keys: [ … ] }, with public keys',
      })
      .optional(),
    secret: z.string().optional(),
    audience: names(),
    issuer: names(),
    id: z
      .union([z.string().min(1), z.custom<(claims: JWTPayload) => string>((value) => typeof value === 'function')])
      .default('sub'),
    clockToleranceSeconds: z.int().min(0).max(600).default(10),
    cookie: cookieName().optional(),
  })
  .refine(({ jwks, secret }) => (jwks === undefined) !== (secret === undefined), {
    message: 'set either jwks or secret',
    path: ['jwks'],
  })
  .refine(({ secret }) => secret === undefined || Buffer.byteLength(secret) >= 32, {
    message: 'must have at least 32 bytes; create one with: openssl rand -hex 32',
    path: ['secret'],
  })

/**
 * Creates a function for `http.authorize` that accepts JSON Web Tokens: `authorization: Bearer <token>`. The key decides
 * which algorithms a token can be signed with. A token needs an expiry (`exp`). Other requests get a 401.
 *
 * @throws MediadError `config.invalid` for options that are not valid
 */
export function jwt(options: JwtOptions): Authorize {
  const { jwks, secret, audience, issuer, id, clockToleranceSeconds, cookie } = parseOptions('jwt', schema, options)
  const claims = {
    requiredClaims: ['exp'],
    clockTolerance: clockToleranceSeconds,
    ...(audience !== null && { audience: toMutable(audience) }),
    ...(issuer !== null && { issuer: toMutable(issuer) }),
  }
  let keys: Promise<Keys> | undefined
  const openKeys = async (): Promise<Keys> => {
    if (jwks !== undefined) return { getKey: await createKeySet(jwks), algorithms: asymmetric }
    const { key, algorithms } = toSecretKey(secret ?? '')
    return { getKey: async () => key, algorithms }
  }
  return Object.assign(
    async function jwt(request: Request) {
      const token = readToken(request, cookie)
      if (token === null) return respondUnauthorized()
      const jose = await import('jose')
      try {
        return toIdentity(await verify(jose, token, { ...(await (keys ??= openKeys())), claims }), id)
      } catch (error) {
        if (error instanceof jose.errors.JOSEError) return respondUnauthorized(explain(error, jose.errors))
        throw error
      }
    },
    { credentials: toCredentials(cookie) },
  )
}

type Jose = typeof import('jose')
type Keys = { readonly getKey: JWTVerifyGetKey; readonly algorithms: readonly string[] }

/** Returns the claims of a token. Tries every key that is possible for a token that does not name its own. */
async function verify(
  { jwtVerify, errors }: Jose,
  token: string,
  { getKey, algorithms, claims }: Keys & { claims: JWTVerifyOptions },
): Promise<JWTPayload> {
  const options = { ...claims, algorithms: [...algorithms] }
  try {
    return (await jwtVerify(token, getKey, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (wrong) {
        if (!(wrong instanceof errors.JWSSignatureVerificationFailed)) throw wrong
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

const toMutable = (value: string | readonly string[]) => (typeof value === 'string' ? value : [...value])

function toIdentity(payload: JWTPayload, claim: string | ((claims: JWTPayload) => string)) {
  if (typeof claim === 'function') return { id: claim(payload) }
  const value = payload[claim]
  const id = Number.isSafeInteger(value) ? String(value) : value
  const problem = explainId(id)
  if (problem !== undefined) return respondUnauthorized(`The claim ${JSON.stringify(claim)} of the token ${problem}.`)
  return { id: id as string }
}

/** The claims of a token are checked after its signature, so the reason tells its owner nothing about the keys. */
function explain(error: Error, { JWTExpired, JWTClaimValidationFailed }: Jose['errors']): string {
  if (error instanceof JWTExpired) return 'The token has expired.'
  if (error instanceof JWTClaimValidationFailed)
    return `The claim ${JSON.stringify(error.claim)} of the token is not accepted.`
  return 'The token is not valid.'
}
