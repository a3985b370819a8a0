import type { Entry, Index } from '../objects/objects.ts'
import type { Part, Upload, Uploads } from '../objects/uploads.ts'
import { S3Error, type Context } from '../objects/s3rver.ts'

const XMLNS = { '@': { xmlns: 'http://s3.amazonaws.com/doc/2006-03-01/' } }
const MAX_ITEMS = 1000
/** Sorts after every continuation of a prefix. */
const LAST = '\u{10ffff}'

type Query = Context['query']
/** `last`: the next page starts after it. */
type Page = { entries: Entry[]; prefixes: string[]; last: string; truncated: boolean }

/**
 * Responds to both versions of ListObjects, in the order of the keys' UTF-8 bytes.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
export function listObjects(index: Index, bucket: string, query: Query): unknown {
  const prefix = text(query.prefix)
  const delimiter = text(query.delimiter)
  const max = toLimit(query['max-keys'], 'max-keys')
  const isVersion2 = query['list-type'] === '2'
  const token = text(query['continuation-token'])
  const after = token === '' ? text(isVersion2 ? query['start-after'] : query.marker) : fromToken(token)
  const page = readPage(index, { bucket, prefix, delimiter, after, max })
  const encode = query['encoding-type'] === 'url' ? encodeURIComponent : (value: string) => value
  const next = page.truncated ? page.last : null
  const count = page.entries.length + page.prefixes.length
  const markers = isVersion2
    ? {
        KeyCount: count,
        ...(token !== '' && { ContinuationToken: token }),
        ...(next !== null && { NextContinuationToken: toToken(next) }),
      }
    : { Marker: encode(after), ...(next !== null && { NextMarker: encode(next) }) }
  return {
    ListBucketResult: {
      ...XMLNS,
      Name: bucket,
      Prefix: encode(prefix),
      ...(delimiter !== '' && { Delimiter: encode(delimiter) }),
      ...(query['encoding-type'] === 'url' && { EncodingType: 'url' }),
      MaxKeys: max,
      ...markers,
      IsTruncated: page.truncated,
      Contents: page.entries.map(({ key, modified, etag, sizeBytes }) => ({
        Key: encode(key),
        LastModified: new Date(modified).toISOString(),
        ETag: JSON.stringify(etag),
        Size: sizeBytes,
        StorageClass: 'STANDARD',
      })),
      CommonPrefixes: page.prefixes.map((one) => ({ Prefix: encode(one) })),
    },
  }
}

type Range = { bucket: string; prefix: string; delimiter: string; after: string; max: number }

function readPage(index: Index, { bucket, prefix, delimiter, after, max }: Range): Page {
  const page: Page = { entries: [], prefixes: [], last: after, truncated: false }
  const count = () => page.entries.length + page.prefixes.length
  let more = true
  while (more) {
    more = false
    // One entry more than the page holds shows whether the list is truncated.
    for (const entry of index.list({ bucket, prefix, after: page.last, limit: max - count() + 1 })) {
      if (count() === max) return { ...page, truncated: max > 0 }
      const common = toCommonPrefix(entry.key, prefix, delimiter)
      page.last = common === null ? entry.key : common + LAST
      if (common === null) page.entries.push(entry)
      else {
        page.prefixes.push(common)
        more = true // skip the other keys with this common prefix
        break
      }
    }
  }
  return page
}

function toCommonPrefix(key: string, prefix: string, delimiter: string): string | null {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
  return at === -1 ? null : key.slice(0, at + delimiter.length)
}

/**
 * Responds to ListMultipartUploads.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
 */
export function listUploads(uploads: Uploads, bucket: string, query: Query): unknown {
  const prefix = text(query.prefix)
  const max = toLimit(query['max-uploads'], 'max-uploads')
  const afterKey = text(query['key-marker'])
  // Without an upload id, the key marker skips all uploads of that key.
  const afterId = text(query['upload-id-marker']) || LAST
  const found = uploads.list({ bucket, prefix, afterKey, afterId, limit: max + 1 })
  const page = found.slice(0, max)
  const last = page.at(-1)
  const truncated = found.length > page.length
  return {
    ListMultipartUploadsResult: {
      ...XMLNS,
      Bucket: bucket,
      Prefix: prefix,
      KeyMarker: afterKey,
      MaxUploads: max,
      IsTruncated: truncated,
      ...(truncated && last !== undefined && { NextKeyMarker: last.key, NextUploadIdMarker: last.id }),
      Upload: page.map(({ key, id, started }) => ({
        Key: key,
        UploadId: id,
        Initiated: new Date(started).toISOString(),
      })),
    },
  }
}

/**
 * Responds to ListParts.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
 */
export function listParts(parts: readonly Part[], { bucket, key, id }: Upload, query: Query): unknown {
  const max = toLimit(query['max-parts'], 'max-parts')
  const marker = Number(text(query['part-number-marker']) || 0)
  const remaining = parts.filter((part) => part.number > marker)
  const page = remaining.slice(0, max)
  const truncated = remaining.length > page.length
  return {
    ListPartsResult: {
      ...XMLNS,
      Bucket: bucket,
      Key: key,
      UploadId: id,
      PartNumberMarker: marker,
      MaxParts: max,
      IsTruncated: truncated,
      ...(truncated && { NextPartNumberMarker: page.at(-1)?.number }),
      Part: page.map(({ number, modified, etag, sizeBytes }) => ({
        PartNumber: number,
        LastModified: new Date(modified).toISOString(),
        ETag: JSON.stringify(etag),
        Size: sizeBytes,
      })),
    },
  }
}

function toLimit(value: Query[string], name: string): number {
  const limit = value === undefined || value === '' ? MAX_ITEMS : Number(value)
  if (Number.isInteger(limit) && limit >= 0) return Math.min(limit, MAX_ITEMS)
  throw new S3Error('InvalidArgument', `${name} must be a non-negative integer`, { ArgumentName: name })
}

function text(value: Query[string]): string {
  return typeof value === 'string' ? value : ''
}

function toToken(key: string): string {
  return Buffer.from(key).toString('base64url')
}

function fromToken(token: string): string {
  return Buffer.from(token, 'base64url').toString()
}
