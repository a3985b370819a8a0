import type { IncomingHttpHeaders } from 'node:http'

/** One request of a daemon, by what it means. */
export type Call = {
  readonly service: 's3' | 'sqs'
  /** S3: the method, or the step of a multipart upload (`CreateMultipartUpload`, …); SQS: the action. */
  readonly op: string
  /** S3: `document`, `source`, `output`, `selftest`, `ready`, `bucket`; SQS: `work`, `in-progress`, `dead`. */
  readonly at: string
  /** `op at`, for short. */
  readonly name: string
  /** The object's key, or the queue's URL. */
  readonly key: string
  readonly headers: IncomingHttpHeaders
  /** `If-Match` or `If-None-Match` on something that writes. */
  readonly conditional: boolean
  /** What the request fields, of a document or of SQS; else an empty object. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly sentAtMs: number
}

/** What keeps a lease alive: any write of a document under a claim but the first. */
export const isHeartbeat = ({ name, fields }: Call): boolean =>
  name === 'PUT document' && fields.state === 'processing' && Number(fields.rev) > 1

export type Raw = { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer }

export function toCall(raw: Raw): Call {
  return raw.headers['x-amz-target'] === undefined ? toS3Call(raw) : toSqsCall(raw)
}

function toS3Call({ method, url, headers, body }: Raw): Call {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const key = decodeURIComponent(pathname).split('/').slice(2).join('/')
  const [op, at] = [toStep(method, searchParams), toKind(key)]
  const conditional = method !== 'GET' && ('if-match' in headers || 'if-none-match' in headers)
  const fields = at === 'document' && method === 'PUT' ? parse(body) : {}
  return { service: 's3', op, at, name: `${op} ${at}`, key, headers, conditional, fields, sentAtMs: performance.now() }
}

function toStep(method: string, query: URLSearchParams): string {
  if (query.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads'
  if (query.has('partNumber')) return 'UploadPart'
  if (!query.has('uploadId')) return method
  return method === 'POST' ? 'CompleteMultipartUpload' : 'AbortMultipartUpload'
}

function toKind(key: string): string {
  if (key === '') return 'bucket'
  if (key.startsWith('.mediad/jobs/')) return 'document'
  if (key.startsWith('.mediad/')) return key.split('/')[1] ?? ''
  return key.startsWith('origin_') ? 'source' : 'output'
}

function toSqsCall({ headers, body }: Raw): Call {
  const op = String(headers['x-amz-target']).replace('AmazonSQS.', '')
  const fields = parse(body)
  const key = String(fields.QueueUrl ?? '')
  const at = key.replace(/^.*\/mediad-/, '')
  return {
    service: 'sqs',
    op,
    at,
    name: `${op} ${at}`,
    key,
    headers,
    conditional: false,
    fields,
    sentAtMs: performance.now(),
  }
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>
  } catch {
    return {} // a document of somebody who writes garbage
  }
}
