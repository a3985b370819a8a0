import type { Mastering } from 'mediad'
import { videoCodecs, type VideoCodec } from '../codecs.ts'

/** Everything in a command line that depends on the video encoder. */
export type EncoderCall = {
  /** Name of the encoder, for `-c:v`. */
  readonly encoder: string
  /** Options before the input. */
  readonly inputOptions: readonly string[]
  /** Options of the output, after `-c:v`. */
  readonly options: readonly string[]
  /** Filters behind those that make the frames 4:2:0. */
  readonly filters: readonly string[]
  /** Value of `-pix_fmt`; null where the filters decide. */
  readonly pixelFormat: string | null
}

/** What to encode with, and how well. */
export type Quality = {
  readonly codec: VideoCodec
  readonly crf: number
  readonly preset: string | number
  /** Threads of a software encoder; undefined for its own choice. */
  readonly threads?: number | undefined
}

/** What is known about the frames. */
export type Frames = {
  /** Mastering metadata of video that stays HDR, empty if it has none; undefined for SDR. */
  readonly mastering?: Mastering | undefined
  /** The frame rate the encoder plans for, where ffmpeg passes one to it that is too high. */
  readonly rate?: number | undefined
  /** The highest bit rate, for video in segments: it has keyframes only where `-force_key_frames` requests them. */
  readonly segmentedKbps?: number | undefined
}

/** Returns the call of the software encoder. */
export function toSoftwareCall({ codec, crf, preset, threads }: Quality, frames: Frames): EncoderCall {
  const { encoder, options } = videoCodecs[codec]
  return {
    encoder,
    inputOptions: [],
    options: options(preset, crf, { ...frames, threads }),
    filters: [],
    pixelFormat: frames.mastering ? 'yuv420p10le' : 'yuv420p',
  }
}
