import { readObject } from './read.ts'
import { listObjects, listParts, listUploads } from './list.ts'
import type { RequestStore, Stores } from './store.ts'
import { noSuchUpload, type Upload } from '../objects/uploads.ts'
import { findElements, findText, malformed, readText } from './xml.ts'
import { bucketController, objectController, S3Error, serviceController, type Context } from '../objects/s3rver.ts'

/** A request with a valid signature, and its target. */
export type Call = {
  readonly context: Context
  readonly stores: Stores
  readonly store: RequestStore
  /** Empty for the list of buckets. */
  readonly bucket: string
  /** Empty for the bucket itself. */
  readonly key: string
}

// Requests with one of these parameters must fail, not be served as if the parameter were absent.
const unsupported =
  `acl attributes legal-hold lifecycle notification object-lock policy replication restore retention select
  tagging torrent versionId versioning versions website`.split(/\s+/)

/** Serves a request, with s3rver's controllers where they behave like S3, and our own where they do not. */
export async function route(call: Call): Promise<void> {
  const { context, bucket, key } = call
  if (unsupported.some((name) => name in context.query)) throw notImplemented()
  if (bucket === '' && context.method !== 'GET') throw notAllowed()
  if (bucket === '') return serviceController.getService(context)
  const creates = key === '' && context.method === 'PUT' && !('cors' in context.query)
  if (!creates && call.stores.buckets.find(bucket) === null) {
    throw noSuchBucket(bucket)
  }
  if (key === '') return routeBucket(call)
  return context.query.uploadId === undefined ? routeObject(call) : routeUpload(call, String(context.query.uploadId))
}

async function routeBucket({ context, stores, store, bucket }: Call): Promise<void> {
  const { method, query } = context
  if ('cors' in query) {
    if (method === 'GET') return bucketController.getBucketCors(context)
    if (method === 'PUT') return bucketController.putBucketCors(context)
    if (method === 'DELETE') return bucketController.deleteBucketCors(context)
    throw notAllowed()
  }
  if (method === 'PUT') return bucketController.putBucket(context)
  if (method === 'DELETE') return bucketController.deleteBucket(context)
  if (method === 'POST' && 'delete' in query) return deleteObjects(context, store, bucket)
  if (method === 'POST') throw notImplemented()
  if (method !== 'GET' && method !== 'HEAD') throw notAllowed()
  if ('location' in query) return bucketController.getBucketLocation(context)
  context.body =
    'uploads' in query ? listUploads(stores.uploads, bucket, query) : listObjects(stores.index, bucket, query)
}

async function routeObject({ context, stores, bucket, key }: Call): Promise<void> {
  const { method, query, headers } = context
  if (method === 'GET' || method === 'HEAD') return readObject(context, { ...stores, bucket, key })
  if (method === 'DELETE') return objectController.deleteObject(context)
  if (method === 'POST' && 'uploads' in query) return objectController.initiateMultipartUpload(context)
  if (method === 'POST') throw notImplemented()
  if (method !== 'PUT') throw notAllowed()
  assertSize(context)
  return prepareCopy(headers) ? objectController.putObjectCopy(context) : objectController.putObject(context)
}

async function routeUpload({ context, stores, store, bucket, key }: Call, id: string): Promise<void> {
  const { method, headers } = context
  const upload = stores.uploads.get(id)
  // An upload id is valid only for its own key.
  if (upload.bucket !== bucket || upload.key !== key) throw noSuchUpload(id)
  if (method === 'GET') context.body = listParts(stores.uploads.parts(id), upload, context.query)
  else if (method === 'POST') await completeUpload(context, store, upload)
  else if (method === 'DELETE') {
    await stores.blobs.remove(stores.uploads.end(id))
    context.status = 204
  } else if (method !== 'PUT') throw notAllowed()
  else {
    assertSize(context)
    await (prepareCopy(headers) ? objectController.uploadPartCopy(context) : objectController.uploadPart(context))
  }
}

/** The limit of S3 for one PUT, of an object or a part: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LARGEST_PUT_BYTES = 5 * 1024 ** 3

/** Refuses a body by its announced size. It is not read, so the connection cannot serve another request. */
export function assertSize(context: Context): void {
  const announced = context.headers['x-amz-decoded-content-length'] ?? context.headers['content-length']
  const sizeBytes = Number(announced ?? 0)
  if (sizeBytes <= LARGEST_PUT_BYTES) return
  context.set('connection', 'close')
  throw new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
    ProposedSize: sizeBytes,
    MaxSizeAllowed: LARGEST_PUT_BYTES,
  })
}

async function completeUpload(context: Context, store: RequestStore, { id, bucket, key }: Upload): Promise<void> {
  const parts = findElements(await readText(context.req), 'Part').map((part) => ({
    number: Number(findText(part, 'PartNumber')),
    etag: findText(part, 'ETag').replaceAll('"', ''),
  }))
  if (parts.length === 0) throw malformed()
  const { md5 } = await store.completeUpload(id, parts)
  const [location] = context.href.split('?')
  context.body = {
    CompleteMultipartUploadResult: { Location: location, Bucket: bucket, Key: key, ETag: JSON.stringify(md5) },
  }
}

async function deleteObjects(context: Context, store: RequestStore, bucket: string): Promise<void> {
  const xml = await readText(context.req)
  const keys = findElements(xml, 'Object').map((object) => findText(object, 'Key'))
  if (keys.length === 0) throw malformed()
  for (const key of keys) await store.deleteObject(bucket, key)
  const quiet = findElements(xml, 'Quiet').includes('true')
  context.body = { DeleteResult: { Deleted: quiet ? [] : keys.map((Key) => ({ Key })) } }
}

/**
 * Returns whether the request is a copy, and rewrites the header of its source: s3rver decodes it with `decodeURI`, which
 * leaves `%2B` encoded.
 */
function prepareCopy(headers: Context['headers']): boolean {
  const source = headers['x-amz-copy-source']
  if (source === undefined) return false
  headers['x-amz-copy-source'] = encodeURI(decodeURIComponent(source))
  return true
}

/** Returns S3's error for a bucket that does not exist. */
export function noSuchBucket(bucket: string): S3Error {
  return new S3Error('NoSuchBucket', 'The specified bucket does not exist', { BucketName: bucket })
}

function notAllowed(): S3Error {
  return new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.')
}

function notImplemented(): S3Error {
  return new S3Error('NotImplemented', 'A header or query you provided implies functionality that is not implemented.')
}
