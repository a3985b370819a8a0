import { randomUUID } from 'node:crypto'
import { systemClock } from '../vocabulary/clock.ts'
import { MediadError } from '../vocabulary/errors.ts'
import { toRacePauseMs } from '../protocol/backoff.ts'
import type { Lease } from '../job/lease.ts'
import type { Output } from '../vocabulary/job.ts'
import type { AbortStaleUploads } from '../storage/stale-uploads.ts'
import type { Storage, StoredObject } from '../storage/storage.ts'
import type { UploadFile } from '../storage/upload.ts'
import type { Artifact, UploadOptions } from '../vocabulary/plugin.ts'

/** The uploader: the job, its claim, and the lease that permits the upload. */
export type Publisher = {
  jobId: string
  claim: number
  lease: Pick<Lease, 'assertHeld' | 'confirm'>
  signal: AbortSignal
}

export type Publish = (artifact: Artifact, options: UploadOptions, publisher: Publisher) => Promise<Output>

/** Races for one key are rare; losing this many means something else is wrong. */
const MAX_RACES = 6
const MAX_PAUSE_MS = 5_000
/** How long an upload is retried while S3 fails. */
const RETRY_MS = 120_000

export type PublishDeps = {
  storage: Pick<Storage, 'head'>
  upload: UploadFile
  abortStaleUploads: AbortStaleUploads
}

/**
 * Uploads an artifact to its key. The object's metadata contains the job and the claim that wrote it.
 *
 * INVARIANT: a write creates the object, or replaces exactly the version that was read while the lease was held. So a
 * daemon that was frozen and wakes up late cannot overwrite what a newer claim wrote.
 */
export function createPublish(deps: PublishDeps): Publish {
  return async (artifact, options, publisher) => {
    const nonce = randomUUID()
    const deadline = systemClock.now() + RETRY_MS
    // an earlier claim, or an earlier try of this one, can have left an unfinished multipart upload
    let mayBeStale = publisher.claim > 1
    for (let attempt = 1; ; attempt++) {
      publisher.lease.assertHeld()
      if (mayBeStale) await deps.abortStaleUploads(artifact.key, publisher.signal)
      mayBeStale = false
      publisher.lease.assertHeld()
      try {
        const etag = await tryOnce(deps, { artifact, nonce, ...options }, publisher)
        if (etag !== null) return toOutput(artifact, etag)
        if (attempt >= MAX_RACES) throw raceError(artifact.key)
      } catch (error) {
        // a short S3 outage must not discard a long transcode
        if (!isTransient(error) || systemClock.now() > deadline) throw error
        mayBeStale = true
      }
      await systemClock.wait(toRacePauseMs(attempt, MAX_PAUSE_MS), publisher.signal)
    }
  }
}

type Attempt = { artifact: Artifact; nonce: string } & UploadOptions

/** Returns the object's etag, or null if another writer was faster or the result is unknown. */
async function tryOnce(
  { storage, upload }: PublishDeps,
  attempt: Attempt,
  publisher: Publisher,
): Promise<string | null> {
  const { nonce, onProgress, overwrite = 'own' } = attempt
  const { path, key, contentType, cacheControl } = attempt.artifact
  const { signal, jobId, claim, lease } = publisher
  const existing = await storage.head(key, signal)
  // this upload succeeded before: the SDK retried a PUT whose response was lost, and the retry failed its condition
  if (existing?.metadata['mediad-upload'] === nonce) return existing.etag
  if (existing) await assertOurs({ key, existing, overwrite }, publisher)
  lease.assertHeld()
  const metadata = { 'mediad-job': jobId, 'mediad-claim': String(claim), 'mediad-upload': nonce }
  const outcome = await upload({
    path,
    key,
    contentType,
    cacheControl,
    metadata,
    expected: existing?.etag ?? null,
    signal,
    onProgress,
  })
  return typeof outcome === 'object' ? outcome.etag : null
}

function isTransient(error: unknown): boolean {
  return error instanceof MediadError && error.code === 'transient.storage'
}

function raceError(key: string): MediadError {
  return new MediadError(
    'internal.output',
    `could not upload to ${key}: another writer changed it during each of ${MAX_RACES} tries`,
  )
}

type Target = { key: string; existing: StoredObject; overwrite: 'own' | 'always' }

async function assertOurs({ key, existing, overwrite }: Target, { jobId, claim, lease }: Publisher): Promise<void> {
  if (existing.metadata['mediad-job'] !== jobId) {
    if (overwrite === 'always') return
    throw new MediadError(
      'output.exists',
      `${key} exists and was not written by this job: delete it, choose another key, or set upload({ overwrite: 'always' })`,
    )
  }
  // Written by a later claim, or by another owner with the same claim number. Either the lease is lost, or the document
  // was deleted and claim numbers restarted; the document in S3 decides.
  if (Number(existing.metadata['mediad-claim']) >= claim) await lease.confirm()
}

/** Converts an uploaded artifact to its entry in the job document. */
export function toOutput(artifact: Artifact, etag: string): Output {
  const { key, kind, contentType, sizeBytes, seconds, media, copied } = artifact
  const optional = { ...(media && { media }), ...(copied && { copied }) }
  return { key, kind, contentType, sizeBytes, etag, seconds, ...optional }
}
