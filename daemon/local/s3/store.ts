import { Readable } from 'node:stream'
import type { Blobs, Digests } from '../objects/blobs.ts'
import type { Buckets } from '../objects/buckets.ts'
import { noSuchKey } from '../objects/conditions.ts'
import type { Contents } from '../objects/contents.ts'
import type { Entry, Index, Replacement } from '../objects/objects.ts'
import { toHeaders, toMetadata } from '../objects/metadata.ts'
import type { Write } from '../objects/event.ts'
import { selectParts, toMultipartEtag, toPartNumber, type RequestedPart } from '../objects/parts.ts'
import type { Uploads } from '../objects/uploads.ts'
import { S3Error, StoredObject, type ByteRange, type Store, type Written } from '../objects/s3rver.ts'

/** The state of the embedded S3. */
export type Stores = {
  readonly index: Index
  readonly buckets: Buckets
  readonly uploads: Uploads
  readonly contents: Contents
  readonly blobs: Blobs
}

/** The properties of a request that its store needs. */
export type StoreRequest = {
  /** Checks the conditions; throws to refuse the write. */
  readonly check: (current: Entry | null) => void
  readonly digests: Digests
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal
  readonly toEventNotification: (write: Omit<Write, 'sourceIp'>) => string | null
  /** Called synchronously after each completed write. */
  readonly onWrite: () => void
}

/** An object of a form, which a browser sends with POST. */
export type PostedObject = {
  readonly bucket: string
  readonly key: string
  readonly content: AsyncIterable<Buffer>
  readonly metadata: Readonly<Record<string, string>>
}

export type RequestStore = Store & {
  postObject(object: PostedObject): Promise<Written>
  completeUpload(id: string, requested: readonly RequestedPart[]): Promise<Written>
}

/**
 * Creates the store that s3rver's controllers use for one request. A body is first streamed into a new blob. The write then
 * takes effect in one synchronous transaction of the index, which checks its conditions against the current object. So
 * concurrent writers need no lock, a slow writer blocks nobody, and a reader sees either the old object or the new one.
 */
export function createStore(stores: Stores, request: StoreRequest): RequestStore {
  const { index, uploads, contents, blobs } = stores
  const { digests, signal } = request
  const write = createWriter(stores, request)
  const put = createPut(stores, request, write)

  async function putPart(id: string, partNumber: string, content: Readable | null): Promise<Written> {
    const number = toPartNumber(partNumber)
    uploads.get(id) // throws for an unknown upload before the body is read
    const { blob, sizeBytes, md5 } = await blobs.write(content ?? Readable.from([]), { digests, signal })
    await commit(blobs, [blob], () => ({
      result: null,
      unused: uploads.putPart(id, { number, blob, sizeBytes, etag: md5 }),
    }))
    return { size: sizeBytes, md5 }
  }

  // Copies nothing and awaits nothing before the write, so that it is fast and no part can change in between.
  async function completeUpload(id: string, requested: readonly RequestedPart[]): Promise<Written> {
    const { bucket, key, metadata } = uploads.get(id)
    const parts = selectParts(requested, uploads.parts(id))
    const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
    const etag = toMultipartEtag(parts)
    let partBlobs: readonly string[] = []
    const toContent = () => {
      partBlobs = uploads.end(id)
      return contents.add(parts)
    }
    await write('ObjectCreated:CompleteMultipartUpload', { bucket, key, metadata, sizeBytes, etag, toContent })
    const used = new Set(parts.map(({ blob }) => blob))
    await blobs.remove(partBlobs.filter((blob) => !used.has(blob)))
    return { size: sizeBytes, md5: etag }
  }

  return {
    ...bucketMethods(stores),
    existsObject: async (bucket, key) => index.find(bucket, key) !== null,
    async putObject({ bucket, key, content, metadata }) {
      if (content === null) throw new S3Error('MissingContentLength', 'A write must have a body.')
      return put('ObjectCreated:Put', { bucket, key, content, metadata })
    },
    postObject: (object) => put('ObjectCreated:Post', object),
    // The copy shares its source's content. Nothing is awaited between `find` and the write, so it cannot be removed.
    // oxlint-disable-next-line max-params -- s3rver's signature
    async copyObject(fromBucket, fromKey, bucket, key, headers) {
      const source = index.find(fromBucket, fromKey)
      if (source === null) throw noSuchKey(fromKey)
      const { sizeBytes, etag, content } = source
      const metadata = headers === null ? source.metadata : toMetadata(headers)
      const copy = { bucket, key, sizeBytes, etag, metadata, toContent: () => content }
      return toHeaders(await write('ObjectCreated:Copy', copy))
    },
    async deleteObject(bucket, key) {
      await blobs.remove(index.remove(bucket, key, request.check))
    },
    // oxlint-disable-next-line max-params -- s3rver's signature
    initiateUpload: async (bucket, key, id, headers) =>
      uploads.start({ id, bucket, key, metadata: toMetadata(headers) }),
    // oxlint-disable-next-line max-params -- s3rver's signature
    putPart: (_bucket, id, number, content) => putPart(id, number, content),
    completeUpload,
  }
}

type Content = Pick<Replacement, 'bucket' | 'key' | 'sizeBytes' | 'etag' | 'metadata' | 'toContent'>
type Writer = (event: Write['event'], content: Content, fresh?: readonly string[]) => Promise<Entry>

/** Writes objects; when the write is refused, removes the `fresh` blobs, which were written for it. */
function createWriter({ index, blobs }: Stores, { check, toEventNotification, onWrite }: StoreRequest): Writer {
  return (event, content, fresh = []) =>
    commit(blobs, fresh, () => {
      const { entry, unused } = index.replace({
        ...content,
        check,
        toEventNotification: (entry, sequence) => toEventNotification({ event, entry, sequence }),
      })
      onWrite()
      return { result: entry, unused }
    })
}

type Body = {
  bucket: string
  key: string
  content: AsyncIterable<Buffer> | Readable
  metadata: StoredObject['metadata']
}

/** Writes objects whose body is a stream. */
function createPut({ contents, blobs }: Stores, { digests, signal }: StoreRequest, write: Writer) {
  return async (event: Write['event'], { bucket, key, content, metadata }: Body): Promise<Written> => {
    const { blob, sizeBytes, md5 } = await blobs.write(content, { digests, signal })
    const toContent = () => contents.add([{ blob, sizeBytes }])
    const entry = { bucket, key, sizeBytes, etag: md5, metadata: toMetadata(metadata), toContent }
    await write(event, entry, [blob])
    return { size: sizeBytes, md5 }
  }
}

/** Runs `use`, then removes the blobs that it replaced; removes the fresh blobs when it throws. */
async function commit<T>(
  blobs: Blobs,
  fresh: readonly string[],
  use: () => { result: T; unused: readonly string[] },
): Promise<T> {
  let unused = fresh
  try {
    const used = use()
    unused = used.unused
    return used.result
  } finally {
    await blobs.remove(unused)
  }
}

/** Returns the methods that do not depend on the request. */
export function bucketMethods({ index, buckets, contents, blobs }: Stores) {
  return {
    listBuckets: async () => buckets.all(),
    getBucket: async (name) => buckets.find(name),
    putBucket: async (name) => buckets.add(name),
    deleteBucket: async (name) => blobs.remove(buckets.remove(name)),
    listObjects: async (bucket, { maxKeys }) => ({
      objects: index.list({ bucket, prefix: '', after: '', limit: maxKeys }),
    }),
    getSubresource: async (bucket, _key, type) => buckets.setting(bucket, type),
    putSubresource: async (bucket, _key, setting) => buckets.putSetting(bucket, setting.type, setting.toXML(2)),
    deleteSubresource: async (bucket, _key, type) => buckets.dropSetting(bucket, type),
    /** Used only to copy into a part; `readObject` serves clients. */
    async getObject(bucket, key, requested = {}) {
      const entry = index.find(bucket, key)
      if (entry === null) return null
      const range = toRange(entry, requested)
      const content = range === null ? null : blobs.open(contents.slices(entry.content, range))
      return Object.assign(
        new StoredObject(bucket, key, content, toHeaders(entry)),
        requested.start !== undefined && { range: range ?? requested },
      )
    },
  } satisfies Partial<Store>
}

/** Returns null when there is nothing to read: an empty object, or a start beyond the end. */
function toRange({ sizeBytes }: Entry, { start = 0, end = Infinity }: Partial<ByteRange>): ByteRange | null {
  return start < sizeBytes ? { start, end: Math.min(end, sizeBytes - 1) } : null
}
