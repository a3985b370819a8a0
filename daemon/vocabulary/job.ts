import { createHash } from 'node:crypto'

/** An uploaded object, as a notification names it. */
export type Source = {
  readonly bucket: string
  /** The object's key as it is, not URL-encoded. */
  readonly key: string
  /** Without quotes. */
  readonly etag: string
  readonly sizeBytes: number
  /** S3's order of writes to one key, hexadecimal; absent where the store gives none. */
  readonly sequencer?: string
}

/** A source as a message on the work queue names it. */
export type WorkSource = Source & {
  /** An operator's word against the document's: the job that died as this claim begins anew. Said of that claim alone. */
  readonly redrive?: number
}

/** One object a job put into the bucket. */
export type Output = {
  readonly key: string
  readonly kind: string
  readonly contentType: string
  readonly sizeBytes: number
  readonly etag: string
  /** Wall time its plugin took to make it. */
  readonly seconds: number
  /** What is in it, as ffprobe saw it before the upload; absent for what is no media. */
  readonly media?: MediaSummary
}

/** What a person asks of a media file first. Absent fields do not apply to this kind of file. */
export type MediaSummary = {
  readonly format?: string
  readonly codec?: string
  readonly audioCodec?: string
  /** As it is shown: after rotation. */
  readonly width?: number
  readonly height?: number
  readonly framesPerSecond?: number
  readonly pixelFormat?: string
  /** `true` for pictures that are meant for HDR screens. */
  readonly hdr?: boolean
  /** Clockwise turn that is still to be applied by the player. */
  readonly rotation?: number
  readonly channels?: number
  readonly sampleRate?: number
  /** Three letters of ISO 639-2. */
  readonly language?: string
  readonly durationSeconds?: number
  readonly streams?: number
  readonly chapters?: number
}

/** Why an attempt ended without success. */
export type JobError = {
  readonly code: string
  readonly message: string
  readonly verdict: 'retry' | 'reject' | 'release'
  readonly plugin?: string
  /** The last lines the failed program printed. */
  readonly stderr?: readonly string[]
}

/** How long one plugin worked. */
export type PluginTiming = {
  readonly plugin: string
  readonly seconds: number
  /** CPU time of its ffmpeg; each run is seen up to 0.3 s before its end. */
  readonly cpuSeconds: number
  /** Why it did not apply to the source; absent when it did. */
  readonly skipped?: string
}

/** Something about a job that succeeded, or went on, that its owner should know. */
export type Warning = { readonly plugin: string; readonly message: string }

export type JobState = 'processing' | 'failed' | 'released' | 'succeeded' | 'dead'

/** One ended attempt, for the people who look at a dead job. */
export type PastAttempt = {
  readonly attempt: number
  readonly claim: number
  readonly owner: string
  readonly startedAt: string
  readonly endedAt: string
  readonly error: JobError
}

/**
 * The one S3 object per job that says where it stands; the only state there is.
 * It is written only with conditional writes, so there is one winner, always.
 */
export type JobDocument = {
  readonly version: 1
  readonly id: string
  readonly source: Source
  readonly state: JobState
  /** The fencing token: grows with every claim of the document. */
  readonly claim: number
  /** How often this version of the source was tried; a release does not count. */
  readonly attempt: number
  /** The daemon that holds the job; null when nobody does. */
  readonly owner: string | null
  /** Grows with every write. */
  readonly rev: number
  /** Random in every write, so that no etag ever returns and a lost reply can be told from a lost race. */
  readonly nonce: string
  readonly progress: { readonly plugin: string | null; readonly percent: number }
  readonly outputs: readonly Output[]
  /** What ffprobe saw in the source; absent until it has looked. */
  readonly media?: MediaSummary
  /** Of this attempt; absent when there are none. */
  readonly warnings?: readonly Warning[]
  readonly error: JobError | null
  /** Pause after a failure before the next attempt; 0 in every other state. */
  readonly backoffSeconds: number
  readonly timings: {
    readonly startedAt: string
    readonly endedAt: string | null
    readonly plugins: readonly PluginTiming[]
  }
  readonly history: readonly PastAttempt[]
}

/** A job document without the fields that every write sets anew. */
export type DocumentDraft = Omit<JobDocument, 'rev' | 'nonce'>

/** A job document as it was read or written, its age by S3's own clock. */
export type SeenDocument = { readonly document: JobDocument; readonly etag: string; readonly ageSeconds: number }

/**
 * The job's id, known before the upload: 128 bits of a hash over bucket and key.
 * It is safe as a file name and as a path segment, whatever the key looks like.
 */
export function toJobId(bucket: string, key: string): string {
  return createHash('sha256').update(`${bucket}\0${key}`).digest('hex').slice(0, 32)
}

/**
 * Whether source `a` was certainly written before source `b` of the same key: S3's sequencers, the shorter one padded
 * with zeros on the left, compared as text
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
 */
export function isOlder(a: Source, b: Source): boolean {
  if (a.sequencer === undefined || b.sequencer === undefined) return false
  const width = Math.max(a.sequencer.length, b.sequencer.length)
  return a.sequencer.toLowerCase().padStart(width, '0') < b.sequencer.toLowerCase().padStart(width, '0')
}
