import { integer } from './fields.ts'

export type JobLimits = {
  /** Size of a source, checked before it is downloaded. */
  readonly sourceBytes: number
  /** Pixels of one frame, checked before it is decoded. */
  readonly pixels: number
  /** Streams of a file, of any kind. */
  readonly streams: number
  /** Duration of what one run of ffmpeg writes. */
  readonly durationSeconds: number
  /** Frames that one run of ffmpeg writes. */
  readonly frames: number
  /** Size of what one run of ffmpeg writes. */
  readonly outputBytes: number
  /** Size of everything in the workspace of an attempt, the source included. */
  readonly workspaceBytes: number
  /** Wall time of one run of ffmpeg. */
  readonly wallSeconds: number
  /** Wall time of one run of ffmpeg for each second of media, beyond the first five minutes. */
  readonly wallFactor: number
  /** Address space of one ffmpeg process, where `prlimit` is installed. */
  readonly memoryBytes: number
}

const GIB = 1024 ** 3
/** 10,000 parts of 5 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LARGEST_OBJECT_BYTES = 50_000 * GIB
const WEEK_SECONDS = 7 * 24 * 3600
const HALF_A_DAY_SECONDS = 12 * 3600

/** ffmpeg needs this much to start. */
const LEAST_MEMORY_BYTES = 512 * 2 ** 20
const LARGEST_FRAME = { width: 8192, height: 4320 }

const ofRun = 'exceeding it is `resource.limit`.'

/** Every limit with its range, its default and its description. */
export const limitsShape = {
  sourceBytes: integer(1, LARGEST_OBJECT_BYTES)
    .default(20 * GIB)
    .describe('Size of a source, known before the download; exceeding it is `input.too_large`.'),
  pixels: integer(1, 2 ** 30)
    .default(LARGEST_FRAME.width * LARGEST_FRAME.height)
    .meta({ note: `${LARGEST_FRAME.width} × ${LARGEST_FRAME.height}` })
    .describe(
      'Pixels of one frame, known before it is decoded; exceeding it is `input.too_many_pixels`. A decoder needs about ' +
        '10 bytes for each, several times over.',
    ),
  streams: integer(1, 1000).default(200).describe('Streams of a file; exceeding it is `input.too_many_streams`.'),
  durationSeconds: integer(1, WEEK_SECONDS)
    .default(HALF_A_DAY_SECONDS)
    .describe(`Duration of what one run of ffmpeg writes, measured and not taken from a header; ${ofRun}`),
  frames: integer(1, 2 ** 31)
    .default(3_000_000)
    .describe(`Frames that one run of ffmpeg writes; ${ofRun}`),
  outputBytes: integer(1, LARGEST_OBJECT_BYTES)
    .default(20 * GIB)
    .describe(`Size of what one run of ffmpeg writes; ${ofRun}`),
  workspaceBytes: integer(1, 2 * LARGEST_OBJECT_BYTES)
    .default(60 * GIB)
    .describe(`Size of everything in the workspace of an attempt, the source included; ${ofRun}`),
  wallSeconds: integer(1, WEEK_SECONDS)
    .default(HALF_A_DAY_SECONDS)
    .describe(`Wall time of one run of ffmpeg; ${ofRun}`),
  wallFactor: integer(1, 100_000)
    .default(300)
    .describe(
      `Wall time of one run of ffmpeg for each second of media, beyond the first five minutes; ${ofRun} Slow presets of ` +
        'AV1 on a small machine need hundreds.',
    ),
  memoryBytes: integer(LEAST_MEMORY_BYTES, 2 ** 50)
    .default(8 * GIB)
    .describe(
      'Address space of one ffmpeg process, where `prlimit` (util-linux) is installed. Exceeding it is ' +
        '`resource.memory`, which is tried again.',
    ),
}
