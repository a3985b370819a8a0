import { createHmac } from 'node:crypto'
import { S3Client } from '@aws-sdk/client-s3'
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post'
import * as assert from 'uvu/assert'
import { checkPolicy, type Fields, type SizeRange } from '../../daemon/local/s3/policy.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('embedded S3: policy of a form')

const Conditions: PresignedPostOptions['Conditions'] = [
  ['starts-with', '$Content-Type', 'video/'],
  ['starts-with', '$x-amz-meta-name', ''],
  ['content-length-range', 5, 10],
  ['content-length-range', 1, 8],
]

test('accepts what meets the conditions, and fields that need none', async () => {
  const fields = await presign({ Conditions })
  assert.equal(check(fields, { 'Content-Type': 'video/webm' }), { min: 5, max: 8 })
  assert.equal(check(fields, { 'content-type': 'video/webm', 'x-amz-meta-name': 'n', 'X-Ignore-Me': '1' }).min, 5)
  refuses('AccessDenied', /\["starts-with","\$content-type","video\/"\]/, () =>
    check(fields, { 'Content-Type': 'audio/webm' }),
  )
})

test('compares all properties of a condition', async () => {
  const fields = await presign()
  const policy = toPolicy([{ 'x-amz-meta-a': '1', 'X-Amz-Meta-B': '2' }, ['starts-with', '$key', 'a']])
  const rest = toConditions(fields, ['bucket', 'x-amz-algorithm', 'x-amz-credential', 'x-amz-date'])
  const signed = resign(fields, { ...policy, conditions: [...policy.conditions, ...rest] })
  assert.equal(check(signed, { 'x-amz-meta-a': '1', 'x-amz-meta-b': '2' }), { min: 0, max: Infinity })
  refuses('AccessDenied', /x-amz-meta-b/, () => check(signed, { 'x-amz-meta-a': '1', 'x-amz-meta-b': '3' }))
  refuses('AccessDenied', /x-amz-meta-b/, () => check(signed, { 'x-amz-meta-a': '1' }))
})

test('refuses an expired policy', async () => {
  const fields = await presign()
  const policy = JSON.parse(Buffer.from(fields.Policy ?? '', 'base64').toString()) as object
  for (const expiration of [new Date(Date.now() - 1000).toISOString(), 'never'])
    refuses('AccessDenied', /Policy expired/, () => check(resign(fields, { ...policy, expiration })))
})

test('refuses a signature of another key, date, region, service or account', async () => {
  const fields = await presign()
  const credential = fields['X-Amz-Credential'] ?? ''
  const day = credential.split('/')[1] ?? ''
  const signed = (change: string, by: string) => ({ 'X-Amz-Credential': credential.replace(change, by) })
  refuses('SignatureDoesNotMatch', /./, () => check(fields, signed('us-east-1', 'us-east-2')))
  refuses('AccessDenied', /version 4/, () => check(fields, signed('/s3/', '/sqs/')))
  refuses('AccessDenied', /version 4/, () => check(fields, signed(day, '20200101')))
  refuses('AccessDenied', /version 4/, () => check(fields, { 'X-Amz-Credential': '' }))
  refuses('InvalidAccessKeyId', /./, () => check(fields, signed('S3RVER', 'OTHER')))
  refuses('SignatureDoesNotMatch', /./, () => check(fields, { 'X-Amz-Signature': 'zz' }))
})

test('refuses a policy that is not valid', async () => {
  const policies = [
    [],
    { expiration: toPolicy([]).expiration },
    toPolicy([null]),
    toPolicy(['key']),
    toPolicy([['ends-with', '$key', 'mp4']]),
    toPolicy([['eq', '$key', 1]]),
    toPolicy([['content-length-range', 'a', 'b']]),
  ]
  const fields = await presign()
  for (const policy of policies) refuses('InvalidPolicyDocument', /Invalid Policy/, () => check(resign(fields, policy)))
})

/** Returns the fields of a form, as a server gives them to a browser. */
async function presign(options: Partial<PresignedPostOptions> = {}): Promise<Record<string, string>> {
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
  const client = new S3Client({ region: 'us-east-1', endpoint: 'http://localhost:1', credentials })
  const { fields } = await createPresignedPost(client, { Bucket: 'media', Key: 'a.mp4', ...options })
  return fields
}

function check(fields: Record<string, string>, more: Record<string, string> = {}): SizeRange {
  const all = Object.entries({ ...fields, ...more }).map(([name, value]) => [name.toLowerCase(), value] as const)
  return checkPolicy(new Map(all) satisfies Fields, 'media')
}

function toPolicy(conditions: unknown[]) {
  return { expiration: new Date(Date.now() + 60_000).toISOString(), conditions }
}

function toConditions(fields: Record<string, string>, names: readonly string[]): unknown[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    names.includes(name.toLowerCase()) ? [{ [name]: value }] : [],
  )
}

/** Replaces the policy, with a valid signature. */
function resign(fields: Record<string, string>, policy: unknown): Record<string, string> {
  const scope = (fields['X-Amz-Credential'] ?? '').split('/').slice(1)
  const key = scope.reduce((key: string | Buffer, part) => hmac(key, part), 'AWS4S3RVER')
  const Policy = Buffer.from(JSON.stringify(policy)).toString('base64')
  return { ...fields, Policy, 'X-Amz-Signature': hmac(key, Policy).toString('hex') }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function refuses(code: string, message: RegExp, body: () => unknown): void {
  try {
    body()
  } catch (error) {
    assert.is((error as { code?: string }).code, code, String(error))
    assert.match((error as Error).message, message)
    return
  }
  throw new Error(`not refused with ${code}`)
}
