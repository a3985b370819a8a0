import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Readable, Writable } from 'node:stream'

// s3rver is CommonJS without types. Only this file loads it, and declares the types of what is used.
const load = createRequire(import.meta.url)

/** An S3 error response: `code` determines `status`, and `detail` becomes additional elements of the XML. */
export type S3Error = Error & { code: string; status: number }
export const S3Error = load('@20minutes/s3rver/lib/models/error') as new (
  code: string,
  message: string,
  detail?: Record<string, unknown>,
) => S3Error

/** A request and its response (a Koa context). */
export type Context = {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string | string[] | undefined>>
  readonly headers: Record<string, string | undefined>
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly ip: string
  readonly href: string
  readonly state: { vhost?: boolean; account?: unknown }
  params: { bucket?: string; key?: string }
  mountPath?: string
  store: Store
  status: number
  type: string
  length: number
  body: unknown
  get(header: string): string
  set(header: string, value: string): void
}

export type Next = () => Promise<void>
export type Middleware = (context: Context, next: Next) => Promise<void>

/** An object as s3rver passes it. */
export type StoredObject = {
  bucket: string
  key: string
  content: Readable | null
  metadata: Record<string, string | number | undefined>
}
export const StoredObject = load('@20minutes/s3rver/lib/models/object') as new (
  bucket: string,
  key: string,
  content: Readable | null,
  metadata: Readonly<Record<string, string | number | undefined>>,
) => StoredObject & { readonly size: number; range?: ByteRange }

export type ByteRange = { start: number; end: number }
export type Written = { size: number; md5: string }
export type BucketSetting = { type: string; toXML(indent?: number): string }

/** The object store that s3rver's controllers use. */
export type Store = {
  listBuckets(): Promise<{ name: string; creationDate: Date }[]>
  getBucket(name: string): Promise<{ name: string; creationDate: Date } | null>
  putBucket(name: string): Promise<unknown>
  deleteBucket(name: string): Promise<void>
  /** Used only to check whether a bucket is empty. */
  listObjects(bucket: string, options: { maxKeys: number }): Promise<{ objects: unknown[] }>
  getSubresource(bucket: string, key: string | undefined, type: string): Promise<BucketSetting | null>
  putSubresource(bucket: string, key: string | undefined, setting: BucketSetting): Promise<void>
  deleteSubresource(bucket: string, key: string | undefined, type: string): Promise<void>
  existsObject(bucket: string, key: string): Promise<boolean>
  getObject(bucket: string, key: string, range?: Partial<ByteRange>): Promise<StoredObject | null>
  putObject(object: StoredObject): Promise<Written>
  copyObject(
    fromBucket: string,
    fromKey: string,
    bucket: string,
    key: string,
    metadata: Readonly<Record<string, string | undefined>> | null,
  ): Promise<Record<string, string>>
  deleteObject(bucket: string, key: string): Promise<void>
  initiateUpload(bucket: string, key: string, id: string, headers: Context['headers']): Promise<void>
  putPart(bucket: string, id: string, number: string, content: Readable | null): Promise<Written>
}

type App = {
  /** The store of every request until it gets its own: CORS rules are read before the signature is checked. */
  context: { store: Pick<Store, 'getSubresource'> }
  /** Run in order; the last one responds. */
  middleware: Middleware[]
  logger: { close(): void; exceptions: { unhandle(): void } }
  on(event: 'error', listener: (error: unknown) => void): void
  callback(): (request: IncomingMessage, response: ServerResponse) => void
}

export const S3rver = load('@20minutes/s3rver') as new (options: {
  silent: boolean
  vhostBuckets: boolean
  directory: string
}) => App

type Factory = () => Middleware
type Controller = (context: Context) => Promise<void>

type CorsRules = BucketSetting & { matchRule(origin: string, method: string): { maxAgeSeconds?: number } | undefined }

const applyCors = (load('@20minutes/s3rver/lib/middleware/cors') as Factory)()

/**
 * Applies the CORS rules of the bucket: refuses a preflight that they do not allow. s3rver sends their maximum age with all
 * responses but preflights, for which browsers read it.
 */
export const cors: Middleware = (context, next) =>
  applyCors(context, async () => {
    if (context.method === 'OPTIONS') {
      const rules = (await context.store.getSubresource(context.params.bucket ?? '', undefined, 'cors')) as CorsRules
      const rule = rules.matchRule(context.get('origin'), context.get('access-control-request-method'))
      if (rule?.maxAgeSeconds !== undefined) context.set('Access-Control-Max-Age', String(rule.maxAgeSeconds))
    }
    await next()
  })

/** s3rver's own middleware, ready to run. */
export const authenticate = (load('@20minutes/s3rver/lib/middleware/authentication') as Factory)()
export const overrideHeaders = (load('@20minutes/s3rver/lib/middleware/response-header-override') as Factory)()

const signatures = load('@20minutes/s3rver/lib/signature/v4') as { getSigningKey(...scope: string[]): Buffer }
const { getSigningKey } = signatures
let lastKey: { scope: string; key: Buffer } | undefined
// the key of a client is the same all day, and takes four hashes
signatures.getSigningKey = (...parts) => {
  const scope = JSON.stringify(parts)
  if (lastKey?.scope !== scope) lastKey = { scope, key: getSigningKey(...parts) }
  return lastKey.key
}

const { registry } = load('@20minutes/s3rver/lib/models/account') as {
  registry: Map<string, { accessKeys: Map<string, string> }>
}

/** Returns the key that signs in this scope (date, region and service); null when the access key does not exist. */
export function findSigningKey(accessKeyId: string, scope: readonly string[]): Buffer | null {
  const secret = registry.get(accessKeyId)?.accessKeys.get(accessKeyId)
  return secret === undefined ? null : signatures.getSigningKey(secret, ...scope)
}

/** Parses a multipart form that is written to it. An error of the form destroys it. */
export type FormParser = Writable & {
  on(event: 'field', listener: (name: string, value: string, info: { valueTruncated: boolean }) => void): FormParser
  on(event: 'file', listener: (name: string, content: Readable) => void): FormParser
  on(event: 'filesLimit', listener: () => void): FormParser
}

/** busboy, which s3rver depends on. Throws when the headers do not announce a form. */
export const createFormParser = createRequire(load.resolve('@20minutes/s3rver'))('busboy') as (options: {
  headers: Context['headers']
  limits: { fieldSize: number; files: number }
}) => FormParser

export const serviceController = load('@20minutes/s3rver/lib/controllers/service') as Record<'getService', Controller>
export const bucketController = load('@20minutes/s3rver/lib/controllers/bucket') as Record<
  'putBucket' | 'deleteBucket' | 'getBucketLocation' | 'getBucketCors' | 'putBucketCors' | 'deleteBucketCors',
  Controller
>
export const objectController = load('@20minutes/s3rver/lib/controllers/object') as Record<
  'putObject' | 'putObjectCopy' | 'deleteObject' | 'initiateMultipartUpload' | 'uploadPart' | 'uploadPartCopy',
  Controller
>

const { getConfigModel } = load('@20minutes/s3rver/lib/models/config') as {
  getConfigModel(type: string): (new (xml: string) => BucketSetting) | undefined
}

/** Parses a bucket setting. */
export function readSetting(type: string, xml: string): BucketSetting {
  const Model = getConfigModel(type)
  if (Model === undefined) throw new S3Error('NotImplemented', `The bucket setting "${type}" is not implemented.`)
  return new Model(xml)
}
