import type { Blobs } from '../objects/blobs.ts'
import { checkRead, noSuchKey } from '../objects/conditions.ts'
import type { Contents } from '../objects/contents.ts'
import type { Index } from '../objects/objects.ts'
import { toHeaders } from '../objects/metadata.ts'
import { S3Error, type ByteRange, type Context } from '../objects/s3rver.ts'

type Read = { index: Index; contents: Contents; blobs: Blobs; bucket: string; key: string }

/** Responds to GET and HEAD of an object: evaluates the conditions and one range, and sends the content as of this moment. */
export function readObject(context: Context, { index, contents, blobs, bucket, key }: Read): void {
  const entry = index.find(bucket, key)
  if (entry === null) throw noSuchKey(key)
  const headers = Object.entries(toHeaders(entry)).filter(([name]) => name !== 'content-length')
  if (checkRead(context.headers, entry) === 'unchanged') {
    context.status = 304
    context.set('ETag', JSON.stringify(entry.etag))
    return
  }
  const range = parseRange(context.headers.range, entry.sizeBytes)
  const { start, end } = range ?? { start: 0, end: entry.sizeBytes - 1 }
  for (const [name, value] of headers) context.set(name, value)
  context.set('Accept-Ranges', 'bytes')
  context.status = range === null ? 200 : 206
  if (range !== null) context.set('Content-Range', `bytes ${start}-${end}/${entry.sizeBytes}`)
  // Synchronous since `find`: the content cannot be removed before it is opened.
  if (context.method === 'GET') context.body = blobs.open(contents.slices(entry.content, { start, end }))
  context.length = end - start + 1
}

/**
 * Parses a Range header. Returns null for the whole object, also when the header is not a single valid range, like S3.
 * @throws S3Error `InvalidRange` when the range is outside the object.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | null {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return null
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const end = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if (start <= end) return { start, end }
  const detail = { RangeRequested: header, ActualObjectSize: sizeBytes }
  throw new S3Error('InvalidRange', 'The requested range is not satisfiable', detail)
}
