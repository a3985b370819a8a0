import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3'
import { toMessage } from '../../vocabulary/errors.ts'
import type { DaemonLog } from '../../vocabulary/log.ts'
import { ignoreGone, listParts } from './multipart.ts'

/** Aborts the multipart uploads of clients that nobody can continue. A failure is logged; the next run tries again. */
export type AbortExpiredUploads = (signal: AbortSignal) => Promise<void>

export type ExpiredUploadsDeps = {
  client: S3Client
  bucket: string
  /** The source prefix. Other uploads are not touched. */
  prefix: string
  /** Validity of an upload. */
  validSeconds: number
  log: DaemonLog
  /** Uploads in one request for the list. Default 1,000. */
  batch?: number
  /** Most requests for the list that one run sends. Default 100. */
  pages?: number
  /** Milliseconds since the epoch, by the clock of this machine. */
  now?: () => number
}

/** The time after its expiry in which a part that was started before can still arrive. */
const MARGIN_SECONDS = 3600

/** Every upload of a client has a UUID in its key. Uploads of other programs rarely do, and are not ours to abort. */
const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/

/**
 * Creates the cleanup of the multipart uploads of clients. An upload can be aborted when it expired more than an hour ago and
 * no part of it is newer than an hour, so it is never one in use. One run sends one request for each 1,000 open uploads, and two
 * or more for each expired one. If there are too many uploads for one run, the next one continues where it ended.
 */
export function createAbortExpiredUploads(deps: ExpiredUploadsDeps): AbortExpiredUploads {
  const { client, bucket, prefix, validSeconds, log, batch = 1000, pages = 100, now = Date.now } = deps
  let marker: { KeyMarker?: string; UploadIdMarker?: string } = {}
  const isBefore = (date: Date | undefined, seconds: number) =>
    date !== undefined && date.getTime() < now() + client.config.systemClockOffset - seconds * 1000

  async function abortIfExpired(Key: string, UploadId: string, signal: AbortSignal): Promise<void> {
    const target = { Bucket: bucket, Key, UploadId }
    const parts = await listParts(client, target, signal)
    if (parts === null || !parts.every(({ LastModified }) => isBefore(LastModified, MARGIN_SECONDS))) return
    await ignoreGone(client.send(new AbortMultipartUploadCommand(target), { abortSignal: signal }))
    log.info({ event: 'stale_upload.aborted', key: Key }, 'stale multipart upload of a client aborted')
  }

  /** One upload that S3 refuses to abort must not keep the others. */
  async function tryToAbort(key: string, uploadId: string, signal: AbortSignal): Promise<void> {
    try {
      await abortIfExpired(key, uploadId, signal)
    } catch (error) {
      if (signal.aborted) throw error
      warn(key, error)
    }
  }

  function warn(key: string, error: unknown): void {
    log.warn(
      { event: 'stale_upload.cleanup_failed', key, error },
      `cleanup of the multipart uploads of clients failed: ${toMessage(error)}`,
    )
  }

  /** Looks at one page of the list; returns whether there is another. */
  async function abortPage(signal: AbortSignal): Promise<boolean> {
    const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, MaxUploads: batch, ...marker })
    const page = await client.send(command, { abortSignal: signal })
    for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? []) {
      const isCandidate = uuid.test(Key.slice(prefix.length)) && isBefore(Initiated, validSeconds + MARGIN_SECONDS)
      if (isCandidate && Key.startsWith(prefix)) await tryToAbort(Key, UploadId, signal)
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
    const hasNext = IsTruncated === true && NextKeyMarker !== undefined && NextUploadIdMarker !== undefined
    marker = hasNext ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker } : {}
    return hasNext
  }

  return async (signal) => {
    try {
      for (let left = pages; left > 0 && (await abortPage(signal)); left--);
    } catch (error) {
      if (signal.aborted) return
      marker = {}
      warn(prefix, error)
    }
  }
}
