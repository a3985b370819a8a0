import { toDigests } from '../objects/blobs.ts'
import { toWriteCheck } from '../objects/conditions.ts'
import { toEventNotification } from '../objects/event.ts'
import { postObject } from './post.ts'
import { assertSize, noSuchBucket, route } from './routes.ts'
import { findUnsignedHeaders, headersNotSigned, isSigned } from './signature.ts'
import { createStore, type RequestStore, type StoreRequest, type Stores } from './store.ts'
import { authenticate, cors, overrideHeaders, S3Error, type Context, type Middleware } from '../objects/s3rver.ts'

export type RouterOptions = {
  readonly stores: Stores
  /** Writes under these prefixes cause no event notification. */
  readonly quietPrefixes: readonly string[]
  /** Called synchronously after each completed write. */
  readonly onWrite: () => void
}

/** Creates the router, which replaces s3rver's. For each request: parses the path, applies CORS, checks the signature. */
export function createRouter({ stores, quietPrefixes, onWrite }: RouterOptions): Middleware {
  return async (context) => {
    const { bucket, key } = parsePath(context.path)
    context.params = { ...(bucket !== '' && { bucket }), ...(key !== '' && { key }) }
    // s3rver drops the slash at the end of a bucket's path when it checks the signature, but keeps it as a mount path.
    if (bucket !== '' && key === '' && context.path.endsWith('/')) {
      context.state.vhost = true
      context.mountPath = '/'
    }
    const serve = async () => {
      if (context.method === 'OPTIONS') return
      if (bucket !== '' && key === '' && isForm(context)) return serveForm(context, bucket)
      if (!isSigned(context)) {
        context.req.resume()
        throw new S3Error('AccessDenied', 'Access Denied')
      }
      const unsigned = findUnsignedHeaders(context)
      await authenticate(context, () => {
        if (unsigned.length > 0) throw headersNotSigned(unsigned)
        return overrideHeaders(context, () => {
          const store = openStore(context, key)
          context.store = store
          return route({ context, stores, store, bucket, key })
        })
      })
    }
    await (bucket === '' ? serve() : cors(context, serve))
  }

  /** A form has its signature in its fields. */
  function serveForm(context: Context, bucket: string): Promise<void> {
    assertSize(context)
    if (stores.buckets.find(bucket) === null) throw noSuchBucket(bucket)
    const signal = abortOnDisconnect(context)
    const openFormStore = (key: string, fields: Readonly<Record<string, string>>) =>
      createStore(stores, {
        check: () => undefined, // a form has no conditions
        digests: toDigests(fields),
        signal,
        ...toEvents(context, key),
      })
    return postObject(context, { bucket, signal, openStore: openFormStore })
  }

  // Call it after the signature check, which also copies the x-amz-… parameters of a presigned URL into headers.
  function openStore(context: Context, key: string): RequestStore {
    const { headers } = context
    const isRead = context.method === 'GET' || context.method === 'HEAD' // readObject evaluates their conditions
    return createStore(stores, {
      check: isRead ? () => undefined : toWriteCheck(headers, key),
      digests: headers['x-amz-copy-source'] === undefined ? toDigests(headers) : {}, // a copy has no body
      signal: abortOnDisconnect(context),
      ...toEvents(context, key),
    })
  }

  function toEvents({ ip: sourceIp }: Context, key: string): Pick<StoreRequest, 'toEventNotification' | 'onWrite'> {
    const isQuiet = quietPrefixes.some((prefix) => key.startsWith(prefix))
    return { toEventNotification: (write) => (isQuiet ? null : toEventNotification({ ...write, sourceIp })), onWrite }
  }
}

/** Parses `/bucket/key` and decodes each segment once. */
function parsePath(path: string): { bucket: string; key: string } {
  try {
    const [, bucket = '', ...rest] = path.split('/').map(decodeURIComponent)
    return { bucket, key: rest.join('/') }
  } catch (cause) {
    throw Object.assign(new S3Error('InvalidURI', "Couldn't parse the specified URI."), { cause })
  }
}

function isForm({ method, headers }: Context): boolean {
  return method === 'POST' && /^multipart\/form-data\b/i.test(headers['content-type'] ?? '')
}

/** Aborts when the client disconnects. A body behind s3rver's chunk decoder does not end in this case. */
function abortOnDisconnect({ req, res }: Context): AbortSignal {
  const controller = new AbortController()
  res.once('close', () => {
    if (!req.complete) controller.abort(new Error('the client closed the connection before the end of the body'))
  })
  return controller.signal
}
