import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { isLoopback } from '../vocabulary/address.ts'
import { MediadError, toMessage } from '../vocabulary/errors.ts'

/** URL of a JSON Web Key Set, or the set. */
export type KeySource = string | URL | { readonly keys: readonly object[] }

/** A public key cannot be used as the secret of HMAC, because no HMAC is accepted with one. */
export const asymmetric = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ')

/** Time for a response with the keys. */
const FETCH_MS = 5000
/** Keys are fetched again after this time. */
const FRESH_MS = 10 * 60_000
/** Pause after keys were fetched for a token with an unknown key, and after a failure. */
const PAUSE_MS = 30_000
/** The same while there are no keys, so that nobody can be let in. */
const FIRST_PAUSE_MS = 3000
/** Keys that could not be fetched again for this long are not used any more. */
const STALE_MS = 24 * 3600_000

/** Returns whether a value is the URL of a key set that can be trusted, or a key set with public keys. */
export function isKeySource(value: unknown): value is KeySource {
  if (typeof value === 'string' || value instanceof URL) {
    const { protocol = '', hostname = '' } = URL.parse(String(value)) ?? {}
    return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replaceAll(/[[\]]/g, '')))
  }
  const keys: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'keys') : undefined
  return Array.isArray(keys) && keys.length > 0 && keys.every(isPublicKey)
}

/** A private or secret key in a set would be a mistake with consequences, so it is not ignored. */
function isPublicKey(key: unknown): boolean {
  if (typeof key !== 'object' || key === null) return false
  return Reflect.get(key, 'kty') !== 'oct' && !Object.hasOwn(key, 'd')
}

const hmac = { HS256: 32, HS384: 48, HS512: 64 } as const

/** Converts a secret to a key, and returns the algorithms for which it is long enough. */
export function toSecretKey(secret: string): { key: Uint8Array; algorithms: readonly string[] } {
  const key = new TextEncoder().encode(secret)
  const enough = Object.entries(hmac).filter(([, bytes]) => key.length >= bytes)
  return { key, algorithms: enough.map(([algorithm]) => algorithm) }
}

/** Returns the function that finds the key of a token. */
export async function createKeySet(source: KeySource): Promise<JWTVerifyGetKey> {
  const { createLocalJWKSet } = await import('jose')
  const isUrl = typeof source === 'string' || source instanceof URL
  return isUrl ? await createRemoteKeySet(new URL(source)) : createLocalJWKSet(source as JSONWebKeySet)
}

/**
 * Fetches the keys when the first token needs them, again when they are old, and when a token has an unknown key. While they
 * cannot be fetched, the last ones are used for up to a day, and the issuer is asked again after a pause, not for every request.
 *
 * The result throws MediadError `transient.authorize` if there are no keys.
 */
async function createRemoteKeySet(url: URL): Promise<JWTVerifyGetKey> {
  const { createLocalJWKSet, createRemoteJWKSet, errors } = await import('jose')
  const options = { timeoutDuration: FETCH_MS, cooldownDuration: PAUSE_MS, cacheMaxAge: FRESH_MS }
  const remote = createRemoteJWKSet(url, options)
  const isAboutToken = (error: unknown) =>
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  let fetchedAt = -Infinity
  let failure: { until: number; error: unknown; last: JWTVerifyGetKey | undefined } | undefined
  return async (header, token) => {
    const now = performance.now()
    if (failure === undefined || now >= failure.until) {
      try {
        const key = await remote(header, token)
        failure = undefined
        fetchedAt = now
        return key
      } catch (error) {
        if (isAboutToken(error)) throw error
        const known = now - fetchedAt < STALE_MS ? remote.jwks() : undefined
        const until = performance.now() + (known === undefined ? FIRST_PAUSE_MS : PAUSE_MS)
        failure = { until, error, last: known && createLocalJWKSet(known) }
      }
    }
    if (failure.last !== undefined) return await failure.last(header, token)
    const message = `cannot fetch the keys of ${url.origin}${url.pathname}: ${toMessage(failure.error)}`
    throw new MediadError('transient.authorize', message, { cause: failure.error })
  }
}
