import { randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import { MediadError } from '../errors.ts'
import type { Lease } from '../job/lease.ts'
import type { Output } from '../job/job.ts'
import type { Storage, StoredObject } from '../storage/storage.ts'
import type { UploadFile } from '../storage/upload.ts'
import type { Artifact, UploadOptions } from './plugin.ts'

/** Who uploads: the job, its claim, and the lease that allows it. */
export type Publisher = {
  jobId: string
  claim: number
  lease: Pick<Lease, 'assertHeld' | 'confirm'>
  signal: AbortSignal
}

export type Publish = (artifact: Artifact, options: UploadOptions, publisher: Publisher) => Promise<Output>

/** A race over one key is rare; losing it this often means something else is wrong. */
const TRIES = 5
const PAUSE_MS = 200

/**
 * Puts an artifact under its key. Objects carry the job and the claim that wrote them.
 *
 * INVARIANT: an object is written only over nothing, or over exactly the version that was looked at while the lease was
 * held, so that a daemon that was frozen and wakes up late cannot overwrite what a newer claim wrote.
 */
export function createPublish({ storage, upload }: { storage: Pick<Storage, 'head'>; upload: UploadFile }): Publish {
  return async (artifact, { overwrite = 'own', onProgress }, publisher) => {
    const { path, key, contentType } = artifact
    const nonce = randomUUID()
    const metadata = { 'mediad-job': publisher.jobId, 'mediad-claim': String(publisher.claim), 'mediad-upload': nonce }
    for (let attempt = 0; attempt < TRIES; attempt++) {
      publisher.lease.assertHeld()
      const there = await storage.head(key, publisher.signal)
      // refused although it arrived: the SDK repeats a PUT whose reply was lost
      if (there?.metadata['mediad-upload'] === nonce) return toOutput(artifact, there.etag)
      if (there) await assertOurs({ key, there, overwrite }, publisher)
      publisher.lease.assertHeld()
      const { signal } = publisher
      const outcome = await upload({
        path,
        key,
        contentType,
        metadata,
        expected: there?.etag ?? null,
        signal,
        onProgress,
      })
      if (typeof outcome === 'object') return toOutput(artifact, outcome.etag)
      await systemClock.wait(PAUSE_MS * Math.random(), signal)
    }
    throw new MediadError(
      'transient.storage',
      `could not upload to ${key}: somebody else wrote it ${TRIES} times meanwhile`,
    )
  }
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
  // a later claim's object: either the job is another's, or its document was deleted and claims began anew. S3 knows
  if (Number(there.metadata['mediad-claim']) > claim) await lease.confirm()
}

function toOutput({ key, kind, contentType, sizeBytes, seconds, media }: Artifact, etag: string): Output {
  return { key, kind, contentType, sizeBytes, etag, seconds, ...(media && { media }) }
}
