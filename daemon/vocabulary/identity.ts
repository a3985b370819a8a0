/** Who sent a request to the endpoint, as `http.authorize` of the config returns it. */
export type Identity = {
  /** Identifies the client for good, such as the number of an account: 1 to 256 bytes of UTF-8 without control characters. */
  readonly id: string
}

/** Largest size of the id of an identity, in bytes of UTF-8. */
export const MAX_IDENTITY_BYTES = 256

/** Returns whether a text can be the id of an identity. */
export function isIdentityId(id: string): boolean {
  return id !== '' && id.isWellFormed() && Buffer.byteLength(id) <= MAX_IDENTITY_BYTES && !/\p{Cc}/u.test(id)
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
