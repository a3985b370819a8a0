import { Readable } from 'node:stream'
import type { Blobs, Digests } from '../objects/blobs.ts'
import type { Buckets } from '../objects/buckets.ts'
import { noSuchKey } from '../objects/conditions.ts'
import type { Contents } from '../objects/contents.ts'
import type { Entry, Index, Replacement } from '../objects/objects.ts'
import { toHeaders, toMetadata } from '../objects/metadata.ts'
import type { Write } from '../objects/event.ts'
import { chooseParts, toMultipartEtag, toPartNumber, type AskedPart } from '../objects/parts.ts'
import type { Uploads } from '../objects/uploads.ts'
import { S3Error, StoredObject, type ByteRange, type Store, type Written } from '../objects/s3rver.ts'

/** Where everything of the embedded S3 is kept. */
export type Stores = {
  readonly index: Index
  readonly buckets: Buckets
  readonly uploads: Uploads
  readonly contents: Contents
  readonly blobs: Blobs
}

/** What one request brings to the store. */
export type StoreRequest = {
  /** Its conditions: throws to refuse the write. */
  readonly check: (current: Entry | null) => void
  readonly digests: Digests
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal
  readonly toEventNotification: (write: Omit<Write, 'sourceIp'>) => string | null
  /** Called at once after each write that took effect. */
  readonly onWrite: () => void
}

export type RequestStore = Store & {
  completeUpload(id: string, asked: readonly AskedPart[]): Promise<Written>
}

/**
 * The store that s3rver's controllers see, for one request. A body streams into a blob of its own first; the write takes
 * effect in one synchronous step of the index, where its conditions are checked against what is there at that instant.
 * So racing writers need no lock, a slow one holds up nobody, and a reader sees the old object or the new one, whole.
 */
export function createStore(stores: Stores, request: StoreRequest): RequestStore {
  const { index, uploads, contents, blobs } = stores
  const { digests, signal } = request
  const write = createWriter(stores, request)

  async function putPart(id: string, asked: string, content: Readable | null): Promise<Written> {
    const number = toPartNumber(asked)
    uploads.get(id) // before the body is read
    const { blob, sizeBytes, md5 } = await blobs.write(content ?? Readable.from([]), { digests, signal })
    await settle(blobs, [blob], () => ({
      result: null,
      unused: uploads.putPart(id, { number, blob, sizeBytes, etag: md5 }),
    }))
    return { size: sizeBytes, md5 }
  }

  // nothing is copied and nothing awaited before the write: no part can change under it, and it takes no time
  async function completeUpload(id: string, asked: readonly AskedPart[]): Promise<Written> {
    const { bucket, key, metadata } = uploads.get(id)
    const parts = chooseParts(asked, uploads.parts(id))
    const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
    const etag = toMultipartEtag(parts)
    let ended: readonly string[] = []
    const toContent = () => {
      ended = uploads.end(id)
      return contents.add(parts)
    }
    await write('ObjectCreated:CompleteMultipartUpload', { bucket, key, metadata, sizeBytes, etag, toContent })
    const kept = new Set(parts.map(({ blob }) => blob))
    await blobs.remove(ended.filter((blob) => !kept.has(blob)))
    return { size: sizeBytes, md5: etag }
  }

  return {
    ...bucketMethods(stores),
    existsObject: async (bucket, key) => index.find(bucket, key) !== null,
    async putObject({ bucket, key, content, metadata }) {
      if (content === null) throw new S3Error('MissingContentLength', 'A write needs a body.')
      const { blob, sizeBytes, md5 } = await blobs.write(content, { digests, signal })
      const toContent = () => contents.add([{ blob, sizeBytes }])
      const entry = { bucket, key, sizeBytes, etag: md5, metadata: toMetadata(metadata), toContent }
      await write('ObjectCreated:Put', entry, [blob])
      return { size: sizeBytes, md5 }
    },
    // shares its source's content: nothing is awaited between finding it and the write, so it cannot go meanwhile
    // oxlint-disable-next-line max-params -- the signature is s3rver's
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
    // oxlint-disable-next-line max-params -- the signature is s3rver's
    initiateUpload: async (bucket, key, id, headers) =>
      uploads.start({ id, bucket, key, metadata: toMetadata(headers) }),
    // oxlint-disable-next-line max-params -- the signature is s3rver's
    putPart: (_bucket, id, number, content) => putPart(id, number, content),
    completeUpload,
  }
}

type Content = Pick<Replacement, 'bucket' | 'key' | 'sizeBytes' | 'etag' | 'metadata' | 'toContent'>
type Writer = (event: Write['event'], content: Content, fresh?: readonly string[]) => Promise<Entry>

/** Makes a content the object at its key; where that is refused, the `fresh` blobs, written for it alone, go. */
function createWriter({ index, blobs }: Stores, { check, toEventNotification, onWrite }: StoreRequest): Writer {
  return (event, content, fresh = []) =>
    settle(blobs, fresh, () => {
      const { entry, unused } = index.replace({
        ...content,
        check,
        toEventNotification: (entry, sequence) => toEventNotification({ event, entry, sequence }),
      })
      onWrite()
      return { result: entry, unused }
    })
}

/** Puts fresh blobs to use; removes those whose place they took, or themselves when they were refused. */
async function settle<T>(
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

/** What does not depend on the request. */
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
    /** Only for copies into a part; reads by clients do not come through here. */
    async getObject(bucket, key, asked = {}) {
      const entry = index.find(bucket, key)
      if (entry === null) return null
      const range = toRange(entry, asked)
      const content = range === null ? null : blobs.open(contents.slices(entry.content, range))
      return Object.assign(
        new StoredObject(bucket, key, content, toHeaders(entry)),
        asked.start !== undefined && { range: range ?? asked },
      )
    },
  } satisfies Partial<Store>
}

/** Null where nothing can be read: an empty object, or a start beyond the end. */
function toRange({ sizeBytes }: Entry, { start = 0, end = Infinity }: Partial<ByteRange>): ByteRange | null {
  return start < sizeBytes ? { start, end: Math.min(end, sizeBytes - 1) } : null
}
