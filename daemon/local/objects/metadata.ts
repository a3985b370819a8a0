import type { Entry, Metadata } from './objects.ts'

/** The headers of a write that S3 keeps and gives back, besides `x-amz-meta-…`. */
const KEPT = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-storage-class',
  'x-amz-website-redirect-location',
])

/** What is kept of a write's headers. */
export function toMetadata(headers: Readonly<Record<string, string | number | undefined>>): Metadata {
  const kept = Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined || !(KEPT.has(name) || name.startsWith('x-amz-meta-'))) return []
    // how the body was framed on the wire is not how the object is encoded
    const text = name === 'content-encoding' ? String(value).replace(/(^|,)\s*aws-chunked\s*/i, '') : String(value)
    return text === '' ? [] : [[name, text]]
  })
  return { 'content-type': 'binary/octet-stream', ...Object.fromEntries(kept) }
}

/** The headers that describe an object in an answer. */
export function toHeaders({ metadata, etag, modified, sizeBytes }: Entry): Record<string, string> {
  return {
    ...metadata,
    etag: JSON.stringify(etag),
    'last-modified': new Date(modified).toUTCString(),
    'content-length': String(sizeBytes),
  }
}
