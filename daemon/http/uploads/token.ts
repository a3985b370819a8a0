import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Identity } from '../../vocabulary/identity.ts'
import type { OpenUpload } from '../../storage/uploads/multipart.ts'

/** The right to continue a multipart upload, until a time in seconds since the epoch. */
export type UploadGrant = OpenUpload & { readonly expiresAt: number }

/** Who has a grant; null when the endpoint does not authorize requests. */
export type UploadOwner = Identity | null

/**
 * Creates the id of a multipart upload that clients get: `<expiry>.<HMAC>.<S3's id>`. The HMAC covers the owner, the key, the
 * expiry and S3's id, so the token is of use only to its owner, only for its key, only until it expires. No daemon has to
 * remember it.
 */
export function sealToken(secret: string, owner: UploadOwner, grant: UploadGrant): string {
  return `${grant.expiresAt}.${toMac(secret, owner, grant)}.${grant.uploadId}`
}

/** Returns the grant of a token; null when the token is not valid for this owner and key. It can be expired. */
export function openToken(
  secret: string,
  owner: UploadOwner,
  sent: { token: string; key: string },
): UploadGrant | null {
  const [, expiry = '', mac = '', uploadId = ''] = /^(\d{1,12})\.([\w-]{43})\.(.{1,1024})$/s.exec(sent.token) ?? []
  const grant = { key: sent.key, uploadId, expiresAt: Number(expiry) }
  const [expected, received] = [toMac(secret, owner, grant), mac].map((text) => Buffer.from(text))
  const isValid = expected?.length === received?.length && expected && received && timingSafeEqual(expected, received)
  return isValid ? grant : null
}

/** Every field has its length in front, so that no two lists of fields are the same text. */
function toMac(secret: string, owner: UploadOwner, { key, uploadId, expiresAt }: UploadGrant): string {
  const fields = ['mediad multipart upload', owner === null ? '' : `id:${owner.id}`, key, String(expiresAt), uploadId]
  const text = fields.map((field) => `${Buffer.byteLength(field)}:${field}`).join('')
  return createHmac('sha256', secret).update(text).digest('base64url')
}
