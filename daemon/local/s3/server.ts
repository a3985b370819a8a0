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
import { answerXml } from './xml.ts'
import { S3Error, S3rver, type Middleware } from '../objects/s3rver.ts'

// longer than clients keep an idle connection, so that none is closed under a request
const KEEP_ALIVE_SECONDS = 70

/** What a page in a browser needs to upload and play: any origin (each request is signed), ETags to be read. */
const CORS = `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CORSRule><AllowedOrigin>*</AllowedOrigin>
${['GET', 'HEAD', 'PUT', 'POST', 'DELETE'].map((method) => `<AllowedMethod>${method}</AllowedMethod>`).join('')}
<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><ExposeHeader>Location</ExposeHeader>
<MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule></CORSConfiguration>`

export type S3Options = {
  /** Where the contents of objects go. */
  readonly directory: string
  /** Where everything else is; the caller closes it, after this. */
  readonly database: Database
  readonly host: string
  readonly port: number
  readonly quietPrefixes: readonly string[]
  /** Puts a notification on the work queue; throws when it could not. */
  readonly send: (body: string) => void
  readonly log: DaemonLog | undefined
}

export type S3 = { readonly endpoint: string; createBucket(name: string): void; close(): Promise<void> }

/**
 * Serves an S3 of its own: s3rver's protocol (signatures, CORS, XML) over a store that writes as S3 does.
 * @throws MediadError `config.storage` when the port is in use.
 */
export async function startS3({ directory, database, host, port, quietPrefixes, send, log }: S3Options): Promise<S3> {
  const buckets = openBuckets(database)
  const contents = openContents(database)
  const index = openIndex(database, contents)
  const blobs = await openBlobs(directory)
  const stores = { index, buckets, uploads: openUploads(database), contents, blobs }
  await blobs.sweep(contents.blobs())
  const bridge = createBridge({ outbox: index, send, log })
  bridge.flush() // what an earlier run could not send any more
  const app = new S3rver({ silent: true, vhostBuckets: false, directory })
  const running = new Set<Promise<void>>()
  app.context.store = bucketMethods(stores)
  const track: Middleware = async (_context, next) => {
    const done = next()
    running.add(done)
    await done.finally(() => running.delete(done))
  }
  app.middleware = [track, answerXml, createRouter({ stores, quietPrefixes, onWrite: bridge.flush })]
  app.on('error', (error) => logError(log, error))
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000 }, app.callback())

  async function close(): Promise<void> {
    if (server.listening) await stopListening(server)
    await Promise.allSettled(running) // a cut write removes what it left
    bridge.close()
    app.logger.exceptions.unhandle()
    app.logger.close()
  }

  try {
    const endpoint = toEndpoint(host, await listen(server, { host, port }))
    return { endpoint, createBucket: (name) => createBucket(buckets, name), close }
  } catch (cause) {
    await close()
    throw toListenError('config.storage', { host, port, what: 'the local S3', option: '--s3-port' }, cause)
  }
}

function createBucket(buckets: Buckets, name: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
    const rule = '3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit'
    throw new MediadError('config.storage', `"${name}" is no bucket name: choose ${rule}`)
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

/** Answers that S3 would give as well are no news, and neither is a client that went away. */
function logError(log: DaemonLog | undefined, error: unknown): void {
  const expected = error instanceof S3Error || (error instanceof Error && 'code' in error && isGone(error.code))
  if (expected)
    log?.debug({ event: 'local.request_refused', error }, `embedded S3 refused a request: ${toMessage(error)}`)
  else log?.error({ event: 'local.request_failed', error }, `embedded S3 failed a request: ${toMessage(error)}`)
}

function isGone(code: unknown): boolean {
  return ['ECONNRESET', 'EPIPE', 'ABORT_ERR', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(code))
}
