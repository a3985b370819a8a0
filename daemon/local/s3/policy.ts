import { createHmac, timingSafeEqual } from 'node:crypto'
import { findSigningKey, S3Error } from '../objects/s3rver.ts'

/** The fields of a form before its file, by name in lower case. */
export type Fields = ReadonlyMap<string, string>

/** Sizes that a policy allows, in bytes. */
export type SizeRange = { readonly min: number; readonly max: number }

type Condition = { readonly operator: string; readonly name: string; readonly value: unknown }

/** Fields without a condition: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html */
const UNCONDITIONAL = /^(?:policy|x-amz-signature|file|x-ignore-.*)$/

/**
 * Checks the policy of a form: its signature, its expiry, and that every field meets a condition. Returns the sizes that
 * it allows.
 * @throws S3Error `AccessDenied`, `InvalidAccessKeyId`, `SignatureDoesNotMatch`, `InvalidPolicyDocument`
 */
export function checkPolicy(fields: Fields, bucket: string): SizeRange {
  const policy = fields.get('policy')
  if (policy === undefined) throw new S3Error('AccessDenied', 'Access Denied')
  checkSignature(fields, policy)
  const { expiration, conditions } = parsePolicy(policy)
  if (!(Date.parse(expiration) > Date.now())) throw refused('Policy expired.')
  const ranges = conditions.filter(({ operator }) => operator === 'content-length-range')
  const sizes = toSizeRange(ranges)
  const checks = conditions.filter((condition) => !ranges.includes(condition))
  for (const condition of checks) checkCondition(condition, fields, bucket)
  const covered = new Set(checks.map(({ name }) => name))
  const extra = [...fields.keys()].filter((name) => !covered.has(name) && !UNCONDITIONAL.test(name))
  if (extra.length > 0) throw refused(`Extra input fields: ${extra.join(', ')}`)
  if ((fields.get('bucket') ?? bucket) !== bucket) throw refused('the field bucket names another bucket')
  return sizes
}

function checkSignature(fields: Fields, policy: string): void {
  const [accessKeyId = '', date = '', ...rest] = (fields.get('x-amz-credential') ?? '').split('/')
  const [region = '', service = '', end] = rest
  const isComplete = fields.get('x-amz-algorithm') === 'AWS4-HMAC-SHA256' && service === 's3' && end === 'aws4_request'
  if (!isComplete || fields.get('x-amz-date')?.slice(0, 8) !== date) {
    throw new S3Error('AccessDenied', 'A form needs a policy with a signature of version 4 in its fields.')
  }
  const key = findSigningKey(accessKeyId, [date, region, service])
  if (key === null) {
    throw new S3Error('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.')
  }
  const expected = createHmac('sha256', key).update(policy).digest()
  const received = Buffer.from(fields.get('x-amz-signature') ?? '', 'hex')
  if (received.length === expected.length && timingSafeEqual(received, expected)) return
  const message = 'The request signature we calculated does not match the signature you provided.'
  throw new S3Error('SignatureDoesNotMatch', message)
}

function parsePolicy(policy: string): { expiration: string; conditions: Condition[] } {
  try {
    const { expiration, conditions } = JSON.parse(Buffer.from(policy, 'base64').toString()) as Record<string, unknown>
    if (typeof expiration === 'string' && Array.isArray(conditions)) {
      return { expiration, conditions: conditions.flatMap(toConditions) }
    }
  } catch (cause) {
    throw cause instanceof S3Error ? cause : Object.assign(invalid('Invalid JSON.'), { cause })
  }
  throw invalid('it needs expiration and conditions.')
}

/** Parses `{"acl":"private"}` and `["starts-with","$key","a/"]`. */
function toConditions(condition: unknown): Condition[] {
  if (typeof condition !== 'object') throw invalid('a condition is an object or an array.')
  if (!Array.isArray(condition)) {
    return Object.entries(condition as object).map(([name, value]) => ({
      operator: 'eq',
      name: name.toLowerCase(),
      value: value as unknown,
    }))
  }
  const [operator, name, value] = condition as unknown[]
  return [{ operator: String(operator).toLowerCase(), name: String(name).replace(/^\$/, '').toLowerCase(), value }]
}

function checkCondition({ operator, name, value }: Condition, fields: Fields, bucket: string): void {
  if (typeof value !== 'string' || !(operator === 'eq' || operator === 'starts-with')) {
    throw invalid(`"${operator}" is not a valid condition of "${name}".`)
  }
  const field = name === 'bucket' ? bucket : (fields.get(name) ?? '')
  const isMet = operator === 'eq' ? field === value : field.startsWith(value)
  if (!isMet) throw refused(`Policy Condition failed: ${JSON.stringify([operator, `$${name}`, value])}`)
}

/** Combines the ranges. The name of a range is its smallest size. */
function toSizeRange(ranges: readonly Condition[]): SizeRange {
  const bounds = ranges.map(({ name, value }) => ({ min: Number(name), max: Number(value) }))
  if (!bounds.every(({ min, max }) => Number.isInteger(min) && Number.isInteger(max))) {
    throw invalid('content-length-range needs two integers.')
  }
  return { min: Math.max(0, ...bounds.map(({ min }) => min)), max: Math.min(...bounds.map(({ max }) => max)) }
}

function refused(reason: string): S3Error {
  return new S3Error('AccessDenied', `Invalid according to Policy: ${reason}`)
}

function invalid(reason: string): S3Error {
  return new S3Error('InvalidPolicyDocument', `Invalid Policy: ${reason}`)
}
