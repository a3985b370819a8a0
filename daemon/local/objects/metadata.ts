import type { Entry, Metadata } from './objects.ts'

/** Headers of a write that S3 stores and returns, besides `x-amz-meta-…`. */
const STORED_HEADERS = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-storage-class',
  'x-amz-website-redirect-location',
])

/** Returns the headers of a write that are stored with the object. */
export function toMetadata(headers: Readonly<Record<string, string | number | undefined>>): Metadata {
  const stored = Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined || !(STORED_HEADERS.has(name) || name.startsWith('x-amz-meta-'))) return []
    // aws-chunked describes the transfer, not the object.
    const text = name === 'content-encoding' ? String(value).replace(/(^|,)\s*aws-chunked\s*/i, '') : String(value)
    return text === '' ? [] : [[name, text]]
  })
  return { 'content-type': 'binary/octet-stream', ...Object.fromEntries(stored) }
}

/** Returns the headers that describe an object in a response. */
export function toHeaders({ metadata, etag, modified, sizeBytes }: Entry): Record<string, string> {
  return {
    ...metadata,
    etag: JSON.stringify(etag),
    'last-modified': new Date(modified).toUTCString(),
    'content-length': String(sizeBytes),
  }
}
