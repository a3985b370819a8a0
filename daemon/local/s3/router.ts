import { toDigests } from '../objects/blobs.ts'
import { toWriteCheck } from '../objects/conditions.ts'
import { toEventNotification } from '../objects/event.ts'
import { route } from './routes.ts'
import { createStore, type RequestStore, type Stores } from './store.ts'
import { authenticate, cors, overrideHeaders, S3Error, type Context, type Middleware } from '../objects/s3rver.ts'

export type RouterOptions = {
  readonly stores: Stores
  /** Keys under these cause no notification. */
  readonly quietPrefixes: readonly string[]
  /** Called at once after each write that took effect. */
  readonly onWrite: () => void
}

/** Every request's way in, in place of s3rver's router: what it is about, CORS, signature, then the work. */
export function createRouter({ stores, quietPrefixes, onWrite }: RouterOptions): Middleware {
  return async (context) => {
    const { bucket, key } = parsePath(context.path)
    context.params = { ...(bucket !== '' && { bucket }), ...(key !== '' && { key }) }
    // s3rver forgets the slash that ends a bucket's path when it checks the signature; as a mount path it counts
    if (bucket !== '' && key === '' && context.path.endsWith('/')) {
      context.state.vhost = true
      context.mountPath = '/'
    }
    const work = async () => {
      if (context.method === 'OPTIONS') return
      if (!isSigned(context)) {
        context.req.resume()
        throw new S3Error('AccessDenied', 'Access Denied')
      }
      await authenticate(context, () =>
        overrideHeaders(context, () => {
          const store = openStore(context, key)
          context.store = store
          return route({ context, stores, store, bucket, key })
        }),
      )
    }
    await (bucket === '' ? work() : cors(context, work))
  }

  // after the signature check, which also turns the x-amz-… parts of a presigned URL into headers
  function openStore(context: Context, key: string): RequestStore {
    const { headers, ip: sourceIp } = context
    const reads = context.method === 'GET' || context.method === 'HEAD' // whose conditions mean something else
    const quiet = quietPrefixes.some((prefix) => key.startsWith(prefix))
    return createStore(stores, {
      check: reads ? () => undefined : toWriteCheck(headers, key),
      digests: headers['x-amz-copy-source'] === undefined ? toDigests(headers) : {}, // a copy has no body of its own
      signal: untilGone(context),
      toEventNotification: (write) => (quiet ? null : toEventNotification({ ...write, sourceIp })),
      onWrite,
    })
  }
}

/** Decodes each part of the path once: what is between the first two slashes names the bucket, the rest is the key. */
function parsePath(path: string): { bucket: string; key: string } {
  try {
    const [, bucket = '', ...rest] = path.split('/').map(decodeURIComponent)
    return { bucket, key: rest.join('/') }
  } catch (cause) {
    throw Object.assign(new S3Error('InvalidURI', "Couldn't parse the specified URI."), { cause })
  }
}

function isSigned({ headers, query }: Context): boolean {
  return headers.authorization !== undefined || 'X-Amz-Algorithm' in query || 'Signature' in query
}

/** A body behind s3rver's chunk decoder does not end when its connection is cut, so the connection itself is watched. */
function untilGone({ req, res }: Context): AbortSignal {
  const gone = new AbortController()
  res.once('close', () => {
    if (!req.complete) gone.abort(new Error('the client closed the connection before the body was through'))
  })
  return gone.signal
}
