import type { VideoStream } from 'mediad'
import type { Fit } from './size.ts'

/**
 * Returns the output options that keep the marks of 360° and stereo video (`st3d`, `sv3d`): the MP4 muxer writes them only on
 * request. Frames that are cropped or padded no longer fit the marks.
 */
export function toSpatialOptions({ projection, stereo }: VideoStream, fit: Fit): string[] {
  const isMarked = projection !== undefined || stereo !== undefined
  return isMarked && fit === 'contain' ? ['-strict', 'unofficial'] : []
}

/** Names the marks that a result lacks, such as `360° (equirectangular)`. */
export function findLostMarks(source: VideoStream, result: VideoStream | null): string[] {
  return [
    ...(source.projection !== undefined && result?.projection !== source.projection
      ? [`360° (${source.projection})`]
      : []),
    ...(source.stereo !== undefined && result?.stereo !== source.stereo ? [`stereo (${source.stereo})`] : []),
  ]
}
