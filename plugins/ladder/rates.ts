import type { VideoCodec } from '../transcode/codecs.ts'

/**
 * Highest bit rates of H.264 by the short side, in kbit/s: the largest that Apple's HLS Authoring Specification lists for
 * 16:9 video of each size up to 1080 (432, 540, 720, 1080). Larger sizes follow its table for HEVC, in the proportion that
 * the two tables have at 1080; smaller ones the number of pixels.
 */
const h264Kbps: readonly (readonly [side: number, kbps: number])[] = [
  [144, 145],
  [240, 365],
  [360, 800],
  [432, 1100],
  [540, 2000],
  [720, 4500],
  [1080, 7800],
  [1440, 10_900],
  [2160, 22_600],
  [4320, 60_000],
]

/** Bit rates of the other codecs in proportion to H.264: at 720 and 1080, Apple's table for HEVC has three quarters. */
const share: Readonly<Record<VideoCodec, number>> = { h264: 1, hevc: 0.75, av1: 0.75, vp9: 0.75 }

/** Above this frame rate, video gets half as much again. */
const HIGH_FRAME_RATE = 35
const HIGH_FRAME_RATE_FACTOR = 1.5

/** Returns the highest bit rate of a rendition in kbit/s, interpolated between the sizes of the table. */
export function toMaxrateKbps(side: number, codec: VideoCodec, framesPerSecond: number | null): number {
  const factor = share[codec] * ((framesPerSecond ?? 0) > HIGH_FRAME_RATE ? HIGH_FRAME_RATE_FACTOR : 1)
  return Math.round((interpolate(side) * factor) / 10) * 10
}

function interpolate(side: number): number {
  const above = h264Kbps.findIndex(([listed]) => listed >= side)
  const [low, high] = [h264Kbps[above - 1], h264Kbps[above]]
  if (high === undefined) return h264Kbps.at(-1)?.[1] ?? 0
  if (low === undefined) return high[1]
  const position = (side - low[0]) / (high[0] - low[0])
  return low[1] + position * (high[1] - low[1])
}
