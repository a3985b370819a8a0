import { S3Error, type Context, type Written } from '../objects/s3rver.ts'
import { drain, readForm } from './form.ts'
import { checkPolicy, type Fields, type SizeRange } from './policy.ts'
import type { RequestStore } from './store.ts'

export type PostDeps = {
  readonly bucket: string
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal
  /** Opens the store for an object with these fields. */
  readonly openStore: (key: string, fields: Readonly<Record<string, string>>) => RequestStore
}

/**
 * Serves a POST of a form to a bucket: writes its file as the object that the signed policy in its fields allows.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
 */
export async function postObject(context: Context, { bucket, signal, openStore }: PostDeps): Promise<void> {
  try {
    const { fields, content } = await readForm(context.req, signal)
    const key = toKey(fields)
    const range = checkPolicy(fields, bucket)
    const metadata = Object.fromEntries(fields)
    const written = await openStore(key, metadata).postObject({
      bucket,
      key,
      content: limitSize(content, range),
      metadata,
    })
    respond(context, { bucket, key, fields, written })
  } catch (error) {
    await drain(context.req)
    throw error
  }
}

function toKey(fields: Fields): string {
  const key = fields.get('key') ?? ''
  if (key === '') {
    const message =
      "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields"
    throw new S3Error('InvalidArgument', message, { ArgumentName: 'key' })
  }
  if (!key.includes('${filename}')) return key
  throw new S3Error('NotImplemented', 'A key with ${filename} is not implemented.')
}

/** Ends with an error as soon as the content is larger than allowed, or at its end when it is smaller. */
async function* limitSize(content: AsyncIterable<Buffer>, { min, max }: SizeRange): AsyncGenerator<Buffer> {
  let sizeBytes = 0
  for await (const chunk of content) {
    sizeBytes += chunk.length
    if (sizeBytes > max) {
      const message = 'Your proposed upload exceeds the maximum allowed size'
      throw new S3Error('EntityTooLarge', message, { ProposedSize: sizeBytes, MaxSizeAllowed: max })
    }
    yield chunk
  }
  if (sizeBytes >= min) return
  const message = 'Your proposed upload is smaller than the minimum allowed size'
  throw new S3Error('EntityTooSmall', message, { ProposedSize: sizeBytes, MinSizeAllowed: min })
}

type Posted = { bucket: string; key: string; fields: Fields; written: Written }

function respond(context: Context, { bucket, key, fields, written }: Posted): void {
  const [url = ''] = context.href.split('?')
  const location = `${url.replace(/\/$/, '')}/${encodeURIComponent(key)}`
  const etag = JSON.stringify(written.md5)
  const redirect = fields.get('success_action_redirect') ?? fields.get('redirect') ?? ''
  const status = fields.get('success_action_status')
  context.set('ETag', etag)
  context.set('Location', location)
  context.status = status === '200' || status === '201' ? Number(status) : 204
  context.body = status === '201' ? { PostResponse: { Location: location, Bucket: bucket, Key: key, ETag: etag } } : ''
  // S3 ignores a redirect that is not a URL.
  if (!URL.canParse(redirect)) return
  const target = new URL(redirect)
  for (const [name, value] of Object.entries({ bucket, key, etag })) target.searchParams.append(name, value)
  context.status = 303
  context.body = ''
  context.set('Location', target.href)
}
