import type { VideoStream } from 'mediad'
import { toFrameFilters } from '../frames/colour.ts'
import { imageMatrix } from '../frames/image.ts'
import { toLayout } from '../frames/size.ts'
import { formats, type ThumbnailOptions } from './options.ts'

/** Returns ffmpeg's options for an image of one frame. */
export function thumbnailArguments(
  given: Pick<ThumbnailOptions, 'format' | 'width' | 'height' | 'quality'>,
  video: VideoStream,
): string[] {
  const { encoder, pixelFormat, options } = formats[given.format]
  const layout = toLayout(video, { maxWidth: given.width, maxHeight: given.height })
  return [
    ['-map', `0:${video.index}`, '-an', '-sn', '-dn', '-map_metadata', '-1', '-frames:v', '1'],
    ['-vf', [...toFrameFilters(video, layout, { hdr: 'tonemap' }), imageMatrix].join(','), '-pix_fmt', pixelFormat],
    ['-c:v', encoder, ...options(given.quality), '-f', 'image2', '-update', '1'],
  ].flat()
}
