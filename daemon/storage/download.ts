import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import type { Source } from '../vocabulary/job.ts'
import { toObjectError } from './object-error.ts'
import { toStatus, toStorageError } from './storage.ts'

/** Requests per download; each resumes where the one before stopped. */
const MAX_TRIES = 4
/** Data that is collected while a write to the file is in progress, and written at once after it. */
const WRITE_BYTES = 1024 * 1024
/** A body without data for this long counts as stalled. */
const IDLE_MS = 30_000

export type Download = (request: { source: Source; path: string; signal: AbortSignal }) => Promise<Downloaded>

/** What the response of S3 says about a source. */
export type Downloaded = {
  readonly metadata: Readonly<Record<string, string>>
  /** Time of the upload by S3's clock, to the second. */
  readonly uploadedAt: Date
}

/**
 * Creates the download of a source: streams exactly the version that the notification names to a file, and resumes after a
 * broken connection. Node reports a body that ends early as a success, so the bytes are counted.
 *
 * @throws MediadError `input.source_gone`, `input.archived`, `input.key_unavailable`, `source.superseded` (the object was
 * overwritten), `transient.download`
 */
export function createDownload({ client }: { client: S3Client }): Download {
  return async ({ source, path, signal }) => {
    let downloaded: Downloaded = { metadata: {}, uploadedAt: new Date(0) }
    let failure: unknown
    const onResponse = (response: Downloaded) => void (downloaded = response)
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const offset = await sizeOf(path)
      if (offset >= source.sizeBytes && attempt > 0) break
      failure = await fetchFrom(client, { source, path, offset, signal, onResponse })
      signal.throwIfAborted()
      if (failure === null) break
    }
    const bytes = await sizeOf(path)
    if (bytes === source.sizeBytes) return downloaded
    const message = `s3://${source.bucket}/${source.key}: got ${bytes} of ${source.sizeBytes} bytes in ${MAX_TRIES} tries`
    throw new MediadError('transient.download', message, { cause: failure })
  }
}

type Range = {
  source: Source
  path: string
  offset: number
  signal: AbortSignal
  onResponse: (response: Downloaded) => void
}

/** Returns null when the body is complete, else the error that broke it. Throws an error that a retry cannot fix. */
async function fetchFrom(client: S3Client, range: Range): Promise<unknown> {
  const { source, path, offset, signal } = range
  const idle = new AbortController()
  const rest = offset > 0 ? { Range: `bytes=${offset}-` } : {}
  const get = new GetObjectCommand({ Bucket: source.bucket, Key: source.key, IfMatch: `"${source.etag}"`, ...rest })
  try {
    const { Body, Metadata = {}, LastModified = new Date(0) } = await client.send(get, { abortSignal: signal })
    range.onResponse({ metadata: Metadata, uploadedAt: LastModified })
    const flags = offset > 0 ? 'a' : 'w'
    const file = createWriteStream(path, { flags, mode: 0o600, highWaterMark: WRITE_BYTES })
    const stopWatching = watchIdle(Body as Readable, idle)
    await pipeline(Body as Readable, file, { signal: AbortSignal.any([signal, idle.signal]) }).finally(stopWatching)
    return null
  } catch (error) {
    const status = toStatus(error)
    if (status === 412)
      throw new MediadError('source.superseded', `${source.key} was overwritten by a newer upload`, { cause: error })
    if (status === 404)
      throw new MediadError(
        'input.source_gone',
        `${source.key} no longer exists: it was deleted before it was processed`,
        {
          cause: error,
        },
      )
    const objectError = toObjectError(source.key, error)
    if (objectError !== null) throw objectError
    // Only this object: access that is denied to the whole bucket fails at the job document first.
    if (status === 403)
      throw new MediadError('transient.download', `access denied to ${source.key} (${toMessage(error)})`, {
        cause: error,
      })
    if (status !== undefined && status < 500) throw toStorageError(`download ${source.key}`, error)
    if (isDiskError(error))
      throw new MediadError(
        'resource.disk',
        `no disk space in the workspace for the ${source.sizeBytes} bytes of ${source.key}`,
        { cause: error },
      )
    return error
  }
}

/** Aborts when the body stalls; returns a function that ends this. The body must be connected in the same turn: it flows. */
function watchIdle(body: Readable, idle: AbortController): () => void {
  const timer = setTimeout(() => idle.abort(new Error(`the body stalled for ${IDLE_MS / 1000} s`)), IDLE_MS)
  const refresh = () => void timer.refresh()
  body.on('data', refresh)
  return () => {
    clearTimeout(timer)
    body.off('data', refresh)
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

const isDiskError = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
