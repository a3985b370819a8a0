import type { IncomingHttpHeaders } from 'node:http'

/** One request of a daemon to S3 or SQS, with its meaning for mediad. */
export type Call = {
  readonly service: 's3' | 'sqs'
  /** The method or the multipart operation (`CreateMultipartUpload`, …) for S3; the action for SQS. */
  readonly op: string
  /** `document`, `source`, `output`, `selftest`, `ready` or `bucket` for S3; `work`, `in-progress` or `dead` for SQS. */
  readonly target: string
  /** `op` and `target`, such as `PUT document`. */
  readonly name: string
  /** Object key or queue URL. */
  readonly key: string
  readonly headers: IncomingHttpHeaders
  /** True for a write with `If-Match` or `If-None-Match`. */
  readonly conditional: boolean
  /** Fields of the document that is written, or of the SQS request; otherwise empty. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly sentAtMs: number
}

/** True for a write that renews a lease: any document write in state `processing` except the first. */
export const isHeartbeat = ({ name, fields }: Call): boolean =>
  name === 'PUT document' && fields.state === 'processing' && Number(fields.rev) > 1

export type RawRequest = { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer }

export function toCall(raw: RawRequest): Call {
  return raw.headers['x-amz-target'] === undefined ? toS3Call(raw) : toSqsCall(raw)
}

function toS3Call({ method, url, headers, body }: RawRequest): Call {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const key = decodeURIComponent(pathname).split('/').slice(2).join('/')
  const [op, target] = [toOperation(method, searchParams), toTarget(key)]
  const conditional = method !== 'GET' && ('if-match' in headers || 'if-none-match' in headers)
  const fields = target === 'document' && method === 'PUT' ? parse(body) : {}
  return {
    service: 's3',
    op,
    target,
    name: `${op} ${target}`,
    key,
    headers,
    conditional,
    fields,
    sentAtMs: performance.now(),
  }
}

function toOperation(method: string, query: URLSearchParams): string {
  if (query.has('uploads')) return method === 'POST' ? 'CreateMultipartUpload' : 'ListMultipartUploads'
  if (query.has('partNumber')) return 'UploadPart'
  if (!query.has('uploadId')) return method
  return method === 'POST' ? 'CompleteMultipartUpload' : 'AbortMultipartUpload'
}

function toTarget(key: string): string {
  if (key === '') return 'bucket'
  if (key.startsWith('.mediad/jobs/')) return 'document'
  if (key.startsWith('.mediad/')) return key.split('/')[1] ?? ''
  return key.startsWith('origin_') ? 'source' : 'output'
}

function toSqsCall({ headers, body }: RawRequest): Call {
  const op = String(headers['x-amz-target']).replace('AmazonSQS.', '')
  const fields = parse(body)
  const key = String(fields.QueueUrl ?? '')
  const target = key.replace(/^.*\/mediad-/, '')
  return {
    service: 'sqs',
    op,
    target,
    name: `${op} ${target}`,
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
    return {} // a test wrote an invalid document
  }
}
