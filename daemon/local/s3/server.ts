import { createServer, type Server } from 'node:http'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'
import type { DaemonLog } from '../../vocabulary/log.ts'
import { createBridge } from './bridge.ts'
import { listen, toEndpoint, toListenError } from '../listen.ts'
import { openBlobs } from '../objects/blobs.ts'
import { openBuckets, type Buckets } from '../objects/buckets.ts'
import { openContents } from '../objects/contents.ts'
import type { Database } from '../objects/database.ts'
import { createRouter } from './router.ts'
import { openIndex } from '../objects/objects.ts'
import { bucketMethods } from './store.ts'
import { openUploads } from '../objects/uploads.ts'
import { renderXml } from './xml.ts'
import { S3Error, S3rver, type Middleware } from '../objects/s3rver.ts'

// Longer than clients keep idle connections, so that no connection is closed while a request arrives.
const KEEP_ALIVE_SECONDS = 70

/** Lets web pages upload and play: any origin (every request is signed), and readable ETags. */
const CORS = `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule><AllowedOrigin>*</AllowedOrigin>
${['GET', 'HEAD', 'PUT', 'POST', 'DELETE'].map((method) => `<AllowedMethod>${method}</AllowedMethod>`).join('')}
<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>Location</ExposeHeader>
<MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule></CORSConfiguration>`

export type S3Options = {
  /** Folder for the contents of objects. */
  readonly directory: string
  /** Holds everything else. The caller closes it after the server. */
  readonly database: Database
  readonly host: string
  readonly port: number
  readonly quietPrefixes: readonly string[]
  /** Sends an event notification to the work queue; throws on failure. */
  readonly send: (body: string) => void
  readonly log: DaemonLog | undefined
}

export type S3 = { readonly endpoint: string; createBucket(name: string): void; close(): Promise<void> }

/**
 * Starts the embedded S3: s3rver's protocol (signatures, CORS, XML) on a store whose writes behave like S3's.
 * @throws MediadError `config.storage` when the port is in use.
 */
export async function startS3({ directory, database, host, port, quietPrefixes, send, log }: S3Options): Promise<S3> {
  const buckets = openBuckets(database)
  const contents = openContents(database)
  const index = openIndex(database, contents)
  const blobs = await openBlobs(directory)
  const stores = { index, buckets, uploads: openUploads(database), contents, blobs }
  await blobs.removeUnused(contents.blobs())
  const bridge = createBridge({ outbox: index, send, log })
  bridge.flush() // sends what an earlier run could not
  const app = new S3rver({ silent: true, vhostBuckets: false, directory })
  const running = new Set<Promise<void>>()
  app.context.store = bucketMethods(stores)
  const track: Middleware = async (_context, next) => {
    const done = next()
    running.add(done)
    await done.finally(() => running.delete(done))
  }
  app.middleware = [track, renderXml, createRouter({ stores, quietPrefixes, onWrite: bridge.flush })]
  app.on('error', (error) => logError(log, error))
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000 }, app.callback())

  async function close(): Promise<void> {
    if (server.listening) await stopListening(server)
    await Promise.allSettled(running) // an aborted write removes its blob
    bridge.close()
    app.logger.exceptions.unhandle()
    app.logger.close()
  }

  try {
    const endpoint = toEndpoint(host, await listen(server, { host, port }))
    return { endpoint, createBucket: (name) => createBucket(buckets, name), close }
  } catch (cause) {
    await close()
    throw toListenError('config.storage', { host, port, server: 'the embedded S3', option: '--s3-port' }, cause)
  }
}

function createBucket(buckets: Buckets, name: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    const rule = '3 to 63 lower-case letters, digits, dots and hyphens that start and end with a letter or digit'
    throw new MediadError('config.storage', `"${name}" is not a valid bucket name. Use ${rule}`)
  }
  buckets.add(name)
  if (buckets.setting(name, 'cors') === null) buckets.putSetting(name, 'cors', CORS)
}

async function stopListening(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  await promise
}

/** Logs at debug level the errors that S3 would return too, and disconnected clients; other errors at error level. */
function logError(log: DaemonLog | undefined, error: unknown): void {
  const isExpected = error instanceof S3Error || (error instanceof Error && 'code' in error && isDisconnect(error.code))
  if (isExpected)
    log?.debug({ event: 'local.request_refused', error }, `embedded S3 refused a request: ${toMessage(error)}`)
  else log?.error({ event: 'local.request_failed', error }, `embedded S3 failed a request: ${toMessage(error)}`)
}

function isDisconnect(code: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(code))
}
