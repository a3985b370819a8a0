import { createHash } from 'node:crypto'
import { z } from 'zod'

/** S3's limit of a key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024

/** A job's id; see {@link toJobId}. */
export const jobIdSchema = z.string().regex(/^[0-9a-f]{32}$/)

const keySchema = z
  .string()
  .min(1, 'the object key is empty')
  .refine((key) => key.isWellFormed(), 'the object key is not valid Unicode')
  .refine((key) => Buffer.byteLength(key) <= MAX_KEY_BYTES, 'the object key is longer than 1,024 bytes')

/** The one schema of a source, in notifications, in-progress messages, dead messages and job documents. */
export const sourceSchema = z.object({
  bucket: z.string().min(1, 'the bucket is missing'),
  /** The object's key as it is, not URL-encoded. */
  key: keySchema,
  /** Without quotes. */
  etag: z.string('the object has no etag').min(1, 'the object has no etag'),
  sizeBytes: z.int('the object has no size').min(0, 'the object has no size'),
  /** S3's order of writes to one key, hexadecimal; absent where the store gives none. */
  sequencer: z
    .string('the sequencer is not hexadecimal')
    .regex(/^[0-9a-f]{1,64}$/i, 'the sequencer is not hexadecimal')
    .exactOptional(),
})

/** What a person asks of a media file first. Absent fields do not apply to this kind of file. */
const mediaSchema = z.object({
  format: z.string().exactOptional(),
  codec: z.string().exactOptional(),
  audioCodec: z.string().exactOptional(),
  /** As it is shown: after rotation. */
  width: z.number().exactOptional(),
  height: z.number().exactOptional(),
  framesPerSecond: z.number().exactOptional(),
  pixelFormat: z.string().exactOptional(),
  /** `true` for video that is meant for HDR screens. */
  hdr: z.boolean().exactOptional(),
  /** Clockwise turn that is still to be applied by the player. */
  rotation: z.number().exactOptional(),
  channels: z.number().exactOptional(),
  sampleRate: z.number().exactOptional(),
  /** Three letters of ISO 639-2. */
  language: z.string().exactOptional(),
  durationSeconds: z.number().exactOptional(),
  streams: z.number().exactOptional(),
  chapters: z.number().exactOptional(),
})

const outputSchema = z.object({
  key: keySchema,
  kind: z.string(),
  contentType: z.string(),
  sizeBytes: z.int().min(0),
  etag: z.string(),
  /** Wall time its plugin took to make it. */
  seconds: z.number(),
  /** What is in it, as ffprobe saw it before the upload; absent for files that are not media. */
  media: mediaSchema.exactOptional(),
})

export const jobErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  verdict: z.enum(['retry', 'reject', 'release']),
  plugin: z.string().exactOptional(),
  /** The last lines the failed program printed. */
  stderr: z.array(z.string()).exactOptional(),
})

const timingSchema = z.object({
  plugin: z.string(),
  seconds: z.number(),
  /** CPU time of its ffmpeg; each run is seen up to 0.3 s before its end. */
  cpuSeconds: z.number(),
  /** Why it did not apply to the source; absent when it did. */
  skipped: z.string().exactOptional(),
})

const warningSchema = z.object({ plugin: z.string(), message: z.string() })

export const pastAttemptSchema = z.object({
  attempt: z.int(),
  claim: z.int(),
  owner: z.string(),
  startedAt: z.string(),
  endedAt: z.string(),
  error: jobErrorSchema,
})

export const documentSchema = z.object({
  version: z.literal(1),
  id: jobIdSchema,
  source: sourceSchema,
  state: z.enum(['processing', 'failed', 'released', 'succeeded', 'dead']),
  /** The fencing token: grows with every claim of the document. */
  claim: z.int().min(1),
  /** How often this version of the source was tried; a release does not count. */
  attempt: z.int().min(1),
  /** The daemon that holds the job; null when nobody does. */
  owner: z.string().nullable(),
  /** Grows with every write. */
  rev: z.int().min(1),
  /** Random in every write, so that no etag ever returns and a lost reply can be told from a lost race. */
  nonce: z.string(),
  progress: z.object({ plugin: z.string().nullable(), percent: z.number() }),
  outputs: z.array(outputSchema),
  /** What ffprobe saw in the source; absent until it has looked. */
  media: mediaSchema.exactOptional(),
  /** Of this attempt; absent when there are none. */
  warnings: z.array(warningSchema).exactOptional(),
  error: jobErrorSchema.nullable(),
  /** Pause after a failure before the next attempt; 0 in every other state. */
  backoffSeconds: z.number().min(0),
  timings: z.object({ startedAt: z.string(), endedAt: z.string().nullable(), plugins: z.array(timingSchema) }),
  history: z.array(pastAttemptSchema),
})

/** What a schema gives, read-only all the way down. */
type Parsed<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>
type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Name in keyof T]: DeepReadonly<T[Name]> }
    : T

/** An uploaded object, as a notification names it. */
export type Source = Parsed<typeof sourceSchema>

/** A source as a message on the work queue names it. */
export type WorkSource = Source & {
  /** An operator's word against the document's: the job that died as this claim begins anew. Said of that claim alone. */
  readonly redrive?: number
}

/** One object a job put into the bucket. */
export type Output = Parsed<typeof outputSchema>

/** What a person asks of a media file first. Absent fields do not apply to this kind of file. */
export type MediaSummary = Parsed<typeof mediaSchema>

/** Why an attempt ended without success. */
export type JobError = Parsed<typeof jobErrorSchema>

/** How long one plugin worked. */
export type PluginTiming = Parsed<typeof timingSchema>

/** Something about a job that succeeded, or went on, that its owner should know. */
export type Warning = Parsed<typeof warningSchema>

/** One ended attempt, for the people who look at a dead job. */
export type PastAttempt = Parsed<typeof pastAttemptSchema>

/**
 * The one S3 object per job that says where it stands; the only state there is.
 * It is written only with conditional writes, so there is one winner, always.
 */
export type JobDocument = Parsed<typeof documentSchema>

export type JobState = JobDocument['state']

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
