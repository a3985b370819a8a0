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

/** Who uploads: the job, its claim, and the lease that allows it. */
export type Publisher = {
  jobId: string
  claim: number
  lease: Pick<Lease, 'assertHeld' | 'confirm'>
  signal: AbortSignal
}

export type Publish = (artifact: Artifact, options: UploadOptions, publisher: Publisher) => Promise<Output>

/** A race over one key is rare; losing it this often means something else is wrong. */
const MAX_RACES = 6
const MAX_PAUSE_MS = 5_000
/** How long S3 may be out of order before an attempt is given up. */
const PATIENCE_MS = 120_000

export type PublishDeps = {
  storage: Pick<Storage, 'head'>
  upload: UploadFile
  abortStaleUploads: AbortStaleUploads
}

/**
 * Puts an artifact under its key. Objects carry the job and the claim that wrote them.
 *
 * INVARIANT: an object is written only over nothing, or over exactly the version that was looked at while the lease was
 * held, so that a daemon that was frozen and wakes up late cannot overwrite what a newer claim wrote.
 */
export function createPublish(deps: PublishDeps): Publish {
  return async (artifact, options, publisher) => {
    const nonce = randomUUID()
    const patience = systemClock.now() + PATIENCE_MS
    // of earlier claims; later on, of a try of this one that could not tell S3 to forget its parts
    let mayHaveLeft = publisher.claim > 1
    for (let attempt = 1; ; attempt++) {
      publisher.lease.assertHeld()
      if (mayHaveLeft) await deps.abortStaleUploads(artifact.key, publisher.signal)
      mayHaveLeft = false
      publisher.lease.assertHeld()
      try {
        const etag = await tryOnce(deps, { artifact, nonce, ...options }, publisher)
        if (etag !== null) return toOutput(artifact, etag)
        if (attempt >= MAX_RACES) throw lostTooOften(artifact.key)
      } catch (error) {
        // a long transcode is not thrown away over a few seconds without S3
        if (!isTransient(error) || systemClock.now() > patience) throw error
        mayHaveLeft = true
      }
      await systemClock.wait(toRacePauseMs(attempt, MAX_PAUSE_MS), publisher.signal)
    }
  }
}

type Attempt = { artifact: Artifact; nonce: string } & UploadOptions

/** The object's etag; null when somebody else wrote it meanwhile, or nobody knows. */
async function tryOnce(
  { storage, upload }: PublishDeps,
  attempt: Attempt,
  publisher: Publisher,
): Promise<string | null> {
  const { nonce, onProgress, overwrite = 'own' } = attempt
  const { path, key, contentType } = attempt.artifact
  const { signal, jobId, claim, lease } = publisher
  const there = await storage.head(key, signal)
  // refused although it arrived: the SDK repeats a PUT whose reply was lost
  if (there?.metadata['mediad-upload'] === nonce) return there.etag
  if (there) await assertOurs({ key, there, overwrite }, publisher)
  lease.assertHeld()
  const metadata = { 'mediad-job': jobId, 'mediad-claim': String(claim), 'mediad-upload': nonce }
  const outcome = await upload({ path, key, contentType, metadata, expected: there?.etag ?? null, signal, onProgress })
  return typeof outcome === 'object' ? outcome.etag : null
}

function isTransient(error: unknown): boolean {
  return error instanceof MediadError && error.code === 'transient.storage'
}

function lostTooOften(key: string): MediadError {
  return new MediadError(
    'internal.output',
    `could not upload to ${key}: somebody else wrote it ${MAX_RACES} times meanwhile`,
  )
}

type Found = { key: string; there: StoredObject; overwrite: 'own' | 'always' }

async function assertOurs({ key, there, overwrite }: Found, { jobId, claim, lease }: Publisher): Promise<void> {
  if (there.metadata['mediad-job'] !== jobId) {
    if (overwrite === 'always') return
    throw new MediadError(
      'output.exists',
      `${key} exists and is not of this job: delete it, choose another key, or set upload({ overwrite: 'always' })`,
    )
  }
  // a later claim's, or another owner's of ours: either the job is his, or somebody deleted its document and claims began
  // anew. S3 knows
  if (Number(there.metadata['mediad-claim']) >= claim) await lease.confirm()
}

/** What the job document says of an artifact that has arrived. */
export function toOutput({ key, kind, contentType, sizeBytes, seconds, media }: Artifact, etag: string): Output {
  return { key, kind, contentType, sizeBytes, etag, seconds, ...(media && { media }) }
}
