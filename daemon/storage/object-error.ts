import { S3ServiceException } from '@aws-sdk/client-s3'
import { MediadError, toMessage } from '../vocabulary/errors.ts'

/**
 * Returns the error for an object that S3 has but cannot return: it is archived, or S3 lacks the key that decrypts it.
 * Returns null for any other error. Only this object is affected, and a retry does not help.
 */
export function toObjectError(what: string, thrown: unknown): MediadError | null {
  if (!(thrown instanceof S3ServiceException)) return null
  const reason = `${thrown.name}: ${toMessage(thrown)}`
  if (thrown.name === 'InvalidObjectState') {
    const { StorageClass: storageClass } = thrown as { StorageClass?: unknown }
    const where = typeof storageClass === 'string' ? `in storage class ${storageClass}` : 'in an archive storage class'
    const message = `${what} is ${where} (${reason}). Restore the object, then redrive the job`
    return new MediadError('input.archived', message, { cause: thrown })
  }
  if (!isKeyUnavailable(thrown)) return null
  const message = `S3 cannot decrypt ${what} (${reason}). Upload it without a customer-provided key (SSE-C), or enable its KMS key and redrive the job`
  return new MediadError('input.key_unavailable', message, { cause: thrown })
}

/** Whether the object needs a customer-provided key, or its KMS key is disabled, deleted or unknown. */
function isKeyUnavailable({ name, message, $metadata }: S3ServiceException): boolean {
  const status = $metadata.httpStatusCode ?? 0
  if (status < 400 || status >= 500) return false
  return /^(?:XMinio)?KMS/i.test(name) || (name === 'InvalidRequest' && /server.side encryption/i.test(message))
}
