/** Who sent a request to the endpoint, as `http.authorize` of the config returns it. */
export type Identity = {
  /** Identifies the client for good, such as the number of an account: 1 to 256 bytes of UTF-8 without control characters. */
  readonly id: string
}

/** Largest size of the id of an identity, in bytes of UTF-8. */
export const MAX_IDENTITY_BYTES = 256

/**
 * Decides who sent a request: returns the identity, or the response for a client that has none. It receives the request
 * without its body, before anything else is done with it. An error that it throws is a 500.
 */
export type Authorize = {
  (request: Request): Identity | Response | Promise<Identity | Response>
  /** Where a client can put its token, for the description of the API. */
  readonly credentials?: readonly Credential[]
}

/** A place for a token: the header `authorization: Bearer <token>`, or a cookie. */
export type Credential = { readonly type: 'bearer' } | { readonly type: 'cookie'; readonly name: string }

/** Explains why a value is not the id of an identity; undefined if it is one. */
export function explainId(id: unknown): string | undefined {
  if (typeof id !== 'string') return `must be text, not ${id === null ? 'null' : typeof id}`
  if (id === '') return 'must not be empty'
  if (!id.isWellFormed() || /\p{Cc}/u.test(id)) return 'must not contain control characters or lone surrogates'
  const bytes = Buffer.byteLength(id)
  return bytes > MAX_IDENTITY_BYTES ? `must have at most ${MAX_IDENTITY_BYTES} bytes, not ${bytes}` : undefined
}

/** Returns whether a text can be the id of an identity. */
export function isIdentityId(id: string): boolean {
  return explainId(id) === undefined
}

/** Name of the metadata of a source that has the id of the identity that uploaded it, percent-encoded: S3 accepts ASCII only. */
export const IDENTITY_METADATA = 'identity'

/** Returns the id of the identity that uploaded an object; null if there is none, or the metadata is not valid. */
export function readIdentityMetadata(metadata: Readonly<Record<string, string>>): string | null {
  try {
    const id = decodeURIComponent(metadata[IDENTITY_METADATA] ?? '')
    return isIdentityId(id) ? id : null
  } catch {
    return null // not percent-encoded: no identity wrote it
  }
}
