import { integer } from './fields.ts'

/** The most that one job can cost. */
export type JobLimits = {
  /** Size of a source in bytes, checked before the download. */
  readonly sourceBytes: number
  /** Pixels of one frame, checked before it is decoded. */
  readonly pixels: number
  /** Streams of a file, of all types. */
  readonly streams: number
  /** Duration of the output of one run of ffmpeg. */
  readonly durationSeconds: number
  /** Number of frames that one run of ffmpeg writes. */
  readonly frames: number
  /** Size of the output of one run of ffmpeg in bytes. */
  readonly outputBytes: number
  /** Size of all files in the workspace of an attempt in bytes, including the source. */
  readonly workspaceBytes: number
  /** Wall time of one run of ffmpeg. */
  readonly wallSeconds: number
  /** Wall time of one run of ffmpeg per second of media, in addition to five minutes. */
  readonly wallFactor: number
  /** Wall time of one plugin's `run`. */
  readonly pluginSeconds: number
  /** Address space of one ffmpeg process in bytes, enforced where `prlimit` is installed. */
  readonly memoryBytes: number
}

const GIB = 1024 ** 3
/** 10,000 parts of 5 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LARGEST_OBJECT_BYTES = 50_000 * GIB
const WEEK_SECONDS = 7 * 24 * 3600
const HALF_A_DAY_SECONDS = 12 * 3600
const DAY_SECONDS = 24 * 3600

/** ffmpeg does not start with less. */
const LEAST_MEMORY_BYTES = 512 * 2 ** 20
const LARGEST_FRAME = { width: 8192, height: 4320 }

const limitError = 'exceeding it fails with `resource.limit`.'

/** Every limit with its range, its default and its description. */
export const limitsShape = {
  sourceBytes: integer(1, LARGEST_OBJECT_BYTES)
    .default(20 * GIB)
    .describe('Size of a source in bytes, checked before the download; exceeding it fails with `input.too_large`.'),
  pixels: integer(1, 2 ** 30)
    .default(LARGEST_FRAME.width * LARGEST_FRAME.height)
    .meta({ note: `${LARGEST_FRAME.width} × ${LARGEST_FRAME.height}` })
    .describe(
      'Pixels of one frame, checked before it is decoded; exceeding it fails with `input.too_many_pixels`. A decoder ' +
        'needs about 10 bytes per pixel for each of several frames.',
    ),
  streams: integer(1, 1000)
    .default(200)
    .describe('Streams of a file, of all types; exceeding it fails with `input.too_many_streams`.'),
  durationSeconds: integer(1, WEEK_SECONDS)
    .default(HALF_A_DAY_SECONDS)
    .describe(`Duration of the output of one run of ffmpeg, measured and not read from a header; ${limitError}`),
  frames: integer(1, 2 ** 31)
    .default(3_000_000)
    .describe(`Number of frames that one run of ffmpeg writes; ${limitError}`),
  outputBytes: integer(1, LARGEST_OBJECT_BYTES)
    .default(20 * GIB)
    .describe(`Size of the output of one run of ffmpeg in bytes; ${limitError}`),
  workspaceBytes: integer(1, 2 * LARGEST_OBJECT_BYTES)
    .default(60 * GIB)
    .describe(`Size of all files in the workspace of an attempt in bytes, including the source; ${limitError}`),
  wallSeconds: integer(1, WEEK_SECONDS)
    .default(HALF_A_DAY_SECONDS)
    .describe(`Wall time of one run of ffmpeg; ${limitError}`),
  wallFactor: integer(1, 100_000)
    .default(300)
    .describe(
      `Wall time of one run of ffmpeg per second of media, in addition to five minutes; ${limitError} Slow presets ` +
        'of AV1 need hundreds on a small machine.',
    ),
  pluginSeconds: integer(1, WEEK_SECONDS)
    .default(DAY_SECONDS)
    .describe(
      "Wall time of one plugin's `run`. Exceeding it aborts the plugin with `internal.plugin_timeout`, which is tried " +
        'again. A plugin can [declare its own](plugins.md#what-the-factory-returns).',
    ),
  memoryBytes: integer(LEAST_MEMORY_BYTES, 2 ** 50)
    .default(8 * GIB)
    .describe(
      'Address space of one ffmpeg process in bytes, [with a hardware encoder](hardware.md#restrictions) its private ' +
        'memory; enforced where `prlimit` (util-linux) is installed. Exceeding it fails with `resource.memory`, which is tried again.',
    ),
}
