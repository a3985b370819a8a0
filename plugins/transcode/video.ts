import type { Probe, VideoStream } from 'mediad'
import { staysHdr, type Hdr } from '../frames/colour.ts'
import { videoCodecs, type Container, type VideoCodec } from './codecs.ts'
import { toExplicitRate, toTimestampOptions } from './timestamps.ts'

/** How video is encoded. */
export type VideoEncoding = {
  readonly codec: VideoCodec
  readonly crf: number
  readonly preset: string | number
  readonly hdr: Hdr
  readonly container: Container
  /** The highest bit rate of video in segments; absent for one file. */
  readonly segmentedKbps?: number | undefined
  /** The highest frame rate that all encoders of a run accept. */
  readonly highest?: number | undefined
}

/** Options of ffmpeg for an encoded video, in the order of a command line. */
export type VideoOptions = { readonly encoder: string[]; readonly pixels: string[]; readonly timing: string[] }

/** Returns the options that encode filtered video: those of the encoder, the pixel format, and timestamps with the tag. */
export function toVideoEncoding(probe: Probe, video: VideoStream, encoding: VideoEncoding): VideoOptions {
  const { codec, crf, preset, hdr, container, segmentedKbps, highest } = encoding
  const { encoder, options } = videoCodecs[codec]
  const kept = staysHdr(video, hdr)
  const mastering = kept ? (video.mastering ?? {}) : undefined
  const special = { mastering, rate: toExplicitRate(video), ...(segmentedKbps !== undefined && { segmentedKbps }) }
  const target = { highest, container, ...(segmentedKbps !== undefined && { startsAtZero: true }) }
  return {
    encoder: ['-c:v', encoder, ...options(preset, crf, special)],
    pixels: ['-pix_fmt', kept ? 'yuv420p10le' : 'yuv420p'],
    timing: [...toTimestampOptions(probe, video, target), ...toTag({ codec, container }, false)],
  }
}

/** Returns the tag of video in an mp4. Apple's players require `hvc1`; copied H.264 can have `avc3`, which many players reject. */
export function toTag({ codec, container }: Pick<VideoEncoding, 'codec' | 'container'>, isCopy: boolean): string[] {
  if (container !== 'mp4') return []
  if (codec === 'hevc') return ['-tag:v', 'hvc1']
  return codec === 'h264' && isCopy ? ['-tag:v', 'avc1'] : []
}
