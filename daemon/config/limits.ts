import { whole } from './integer.ts'

export type JobLimits = {
  /** Of a source, before it is downloaded. Default 20 GiB. */
  readonly sourceBytes: number
  /** Of one picture, before it is decoded. Default 35,389,440: 8K (8192 x 4320). */
  readonly pixels: number
  /** Of any kind in a file, before they are looked at. Default 200. */
  readonly streams: number
  /** Length of what one run of ffmpeg makes. Default 43,200: 12 hours. */
  readonly durationSeconds: number
  /** Pictures one run of ffmpeg makes. Default 3,000,000: 12 hours at 60 per second, and more. */
  readonly frames: number
  /** Of what one run of ffmpeg writes. Default 20 GiB. */
  readonly outputBytes: number
  /** Of everything in an attempt's workspace, the source included. Default 60 GiB. */
  readonly workspaceBytes: number
  /** Wall time of one run of ffmpeg. Default 43,200: 12 hours. */
  readonly wallSeconds: number
  /** Wall time of one run of ffmpeg for each second of media, beyond the first five minutes. Default 300. */
  readonly wallFactor: number
  /** Address space of one ffmpeg, where `prlimit` is there; 512 MiB is what it needs to start. Default 8 GiB. */
  readonly memoryBytes: number
}

const GIB = 1024 ** 3
/** 10,000 parts of 5 GiB: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LARGEST_OBJECT_BYTES = 50_000 * GIB
const WEEK_SECONDS = 7 * 24 * 3600
const HALF_A_DAY_SECONDS = 12 * 3600

/** Every limit with its range and its default. */
export const limitsShape = {
  sourceBytes: whole(1, LARGEST_OBJECT_BYTES).default(20 * GIB),
  pixels: whole(1, 2 ** 30).default(8192 * 4320),
  streams: whole(1, 1000).default(200),
  durationSeconds: whole(1, WEEK_SECONDS).default(HALF_A_DAY_SECONDS),
  frames: whole(1, 2 ** 31).default(3_000_000),
  outputBytes: whole(1, LARGEST_OBJECT_BYTES).default(20 * GIB),
  workspaceBytes: whole(1, 2 * LARGEST_OBJECT_BYTES).default(60 * GIB),
  wallSeconds: whole(1, WEEK_SECONDS).default(HALF_A_DAY_SECONDS),
  wallFactor: whole(1, 100_000).default(300),
  memoryBytes: whole(512 * 2 ** 20, 2 ** 50).default(8 * GIB),
}
