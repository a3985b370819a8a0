import { createHash } from 'node:crypto'
import { z } from 'zod'

/** S3's limit for the length of a key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024

/** The id of a job; see {@link toJobId}. */
export const jobIdSchema = z.string().regex(/^[0-9a-f]{32}$/)

const keySchema = z
  .string()
  .min(1, 'the object key is empty')
  .refine((key) => key.isWellFormed(), 'the object key is not valid Unicode')
  .refine((key) => Buffer.byteLength(key) <= MAX_KEY_BYTES, 'the object key is longer than 1,024 bytes')

/** The one schema of a source, in notifications, in-progress messages, dead messages and job documents. */
export const sourceSchema = z.object({
  bucket: z.string().min(1, 'the bucket is missing'),
  /** Key of the object, not URL-encoded. */
  key: keySchema,
  /** ETag without quotes. */
  etag: z.string('the object has no etag').min(1, 'the object has no etag'),
  sizeBytes: z.int('the object has no size').min(0, 'the object has no size'),
  /** Orders the writes to one key, hexadecimal; absent when the object store has none. */
  sequencer: z
    .string('the sequencer is not hexadecimal')
    .regex(/^[0-9a-f]{1,64}$/i, 'the sequencer is not hexadecimal')
    .exactOptional(),
})

/** The main properties of a media file. Fields that do not apply to a file are absent. */
export const mediaSchema = z.object({
  /** ffmpeg's name of the container; of an image that a plugin made, its format (`jpeg`, `png`, `webp`, …). */
  format: z.string().exactOptional(),
  /** Codec of the video, or of the audio when there is no video. */
  codec: z.string().exactOptional(),
  /** Codec of the audio of a file with video. */
  audioCodec: z.string().exactOptional(),
  /** Width in pixels as shown, after rotation. */
  width: z.number().exactOptional(),
  /** Height in pixels as shown, after rotation. */
  height: z.number().exactOptional(),
  framesPerSecond: z.number().exactOptional(),
  pixelFormat: z.string().exactOptional(),
  /** `true` for HDR video; absent otherwise. */
  hdr: z.boolean().exactOptional(),
  /** Clockwise rotation in degrees that the player has to apply; absent when 0. */
  rotation: z.number().exactOptional(),
  channels: z.number().exactOptional(),
  /** Sample rate of the audio in Hz. */
  sampleRate: z.number().exactOptional(),
  /** ISO 639-2 code of three letters. */
  language: z.string().exactOptional(),
  durationSeconds: z.number().exactOptional(),
  /** Number of streams of all types. */
  streams: z.number().exactOptional(),
  /** Number of chapters; absent when there are none. */
  chapters: z.number().exactOptional(),
})

export const outputSchema = z.object({
  key: keySchema,
  /** Kind of the file, as the plugin names it: `video`, `thumbnail`, … */
  kind: z.string(),
  contentType: z.string(),
  sizeBytes: z.int().min(0),
  /** ETag without quotes. */
  etag: z.string(),
  /** Wall time in which the plugin made the file. */
  seconds: z.number(),
  /** Properties of the file, read before the upload; absent for files that are not media. An image has format and size. */
  media: mediaSchema.exactOptional(),
  /** Tracks that were copied from the source without re-encoding; absent for files that have no tracks of the source. */
  copied: z.array(z.enum(['video', 'audio'])).exactOptional(),
})

export const jobErrorSchema = z.object({
  /** Stable code, such as `input.not_media`. */
  code: z.string(),
  message: z.string(),
  verdict: z.enum(['retry', 'reject', 'release']),
  /** Name of the plugin that failed; absent when the error is not a plugin's. */
  plugin: z.string().exactOptional(),
  /** The last lines that the failed program printed. */
  stderr: z.array(z.string()).exactOptional(),
})

export const timingSchema = z.object({
  /** Name of the plugin. */
  plugin: z.string(),
  /** Wall time. */
  seconds: z.number(),
  /** CPU time of its runs of ffmpeg, each measured until up to 0.3 s before its end. */
  cpuSeconds: z.number(),
  /** Why the plugin does not apply to the source; absent when it does. */
  skipped: z.string().exactOptional(),
  /** Decisions of the plugin with their reasons; absent when it reported none. */
  notes: z.array(z.string()).exactOptional(),
})

export const warningSchema = z.object({ plugin: z.string(), message: z.string() })

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
  /**
   * Id of the identity that uploaded the source; absent until the source has been downloaded, and when it has none. The
   * protocol does not use it.
   */
  identity: z.string().min(1).exactOptional(),
  state: z.enum(['processing', 'failed', 'released', 'succeeded', 'dead']),
  /** The claim number, a fencing token: it grows with every claim of the document. */
  claim: z.int().min(1),
  /** Number of the attempt at this version of the source, from 1. A released attempt does not count. */
  attempt: z.int().min(1),
  /** Name of the daemon that owns the job, unique to the claim; null when no daemon does. */
  owner: z.string().nullable(),
  /** Revision: grows with every write. */
  rev: z.int().min(1),
  /** Random in every write. No etag ever repeats, and a writer whose response was lost recognizes its write by it. */
  nonce: z.string(),
  progress: z.object({
    /** Name of the plugin that runs; null when none does. */
    plugin: z.string().nullable(),
    /** Progress of the chain, an integer from 0 to 100 that never decreases in an attempt. */
    percent: z.number(),
    /** Progress of the plugin, an integer from 0 to 100; absent when none runs. */
    pluginPercent: z.number().exactOptional(),
  }),
  outputs: z.array(outputSchema),
  /** Properties of the source; absent until it has been probed. */
  media: mediaSchema.exactOptional(),
  /** Warnings of this attempt; absent when there are none. */
  warnings: z.array(warningSchema).exactOptional(),
  error: jobErrorSchema.nullable(),
  /** Time of the redrive of a dead job that no daemon has claimed yet; absent otherwise. The protocol does not use it. */
  redrivenAt: z.string().exactOptional(),
  /** Pause between a failed attempt and the next; 0 in every state but `failed`. */
  backoffSeconds: z.number().min(0),
  timings: z.object({ startedAt: z.string(), endedAt: z.string().nullable(), plugins: z.array(timingSchema) }),
  /** Earlier attempts that failed, the oldest first. */
  history: z.array(pastAttemptSchema),
})

/** The output of a schema, deeply read-only. */
type Parsed<Schema extends z.ZodType> = DeepReadonly<z.output<Schema>>
type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Name in keyof T]: DeepReadonly<T[Name]> }
    : T

/** An uploaded object: bucket, key and version. */
export type Source = Parsed<typeof sourceSchema>

/** A source in a message on the work queue. */
export type WorkSource = Source & {
  /** Claim number of the dead job that an operator starts again. It has no effect on any other claim or state. */
  readonly redrive?: number
}

/** An object that a job uploaded to the bucket. */
export type Output = Parsed<typeof outputSchema>

/** The main properties of a media file. Fields that do not apply to a file are absent. */
export type MediaSummary = Parsed<typeof mediaSchema>

/** Why an attempt did not succeed. */
export type JobError = Parsed<typeof jobErrorSchema>

/** The time that one plugin took. */
export type PluginTiming = Parsed<typeof timingSchema>

/** A message of a plugin about a problem that does not fail the job. */
export type Warning = Parsed<typeof warningSchema>

/** An earlier attempt that failed. */
export type PastAttempt = Parsed<typeof pastAttemptSchema>

/**
 * The state of a job: one S3 object per job, and the only state in mediad. It is written only with conditional writes,
 * so of several concurrent writers exactly one succeeds.
 */
export type JobDocument = Parsed<typeof documentSchema>

export type JobState = JobDocument['state']

/** A job document without the fields that every write sets. */
export type DocumentDraft = Omit<JobDocument, 'rev' | 'nonce'>

/** A job document as it was read, with its etag and its age by S3's clock. */
export type SeenDocument = { readonly document: JobDocument; readonly etag: string; readonly ageSeconds: number }

/**
 * Returns the id of a job: 128 bits of a hash of bucket and key, so it is known before the upload. It is safe as a file
 * name and as a path segment, whatever the key contains.
 */
export function toJobId(bucket: string, key: string): string {
  return createHash('sha256').update(`${bucket}\0${key}`).digest('hex').slice(0, 32)
}

/**
 * Returns whether source `a` was certainly written before source `b` of the same key. Compares S3's sequencers as text,
 * after padding the shorter one with zeros on the left
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html). False when either source
 * has no sequencer.
 */
export function isOlder(a: Source, b: Source): boolean {
  if (a.sequencer === undefined || b.sequencer === undefined) return false
  const width = Math.max(a.sequencer.length, b.sequencer.length)
  return a.sequencer.toLowerCase().padStart(width, '0') < b.sequencer.toLowerCase().padStart(width, '0')
}
