import type { VideoStream } from 'mediad'
import { toColourFilters, toCommonFilters } from '../frames/colour.ts'
import { imageMatrix, toJpegOptions } from '../frames/image.ts'
import { toFinalSize, toLayout, type Size } from '../frames/size.ts'
import type { StoryboardOptions } from './options.ts'

/** From this interval on, only keyframes are decoded: encoders write one at least every 10 s or so, and decoding all frames would take minutes. */
const KEYFRAMES_FROM_SECONDS = 5

/** Whether frames so far apart are taken from the keyframes. */
export function readsKeyframesOnly(intervalSeconds: number): boolean {
  return intervalSeconds >= KEYFRAMES_FROM_SECONDS
}

/** Returns the size of a frame in the image. */
export function toFrameSize({ side }: Pick<StoryboardOptions, 'side'>, video: VideoStream): Size {
  return toFinalSize(layoutOf(side, video))
}

/** Returns ffmpeg's options for a video of the frames: all of one size, whatever the source does mid-stream. */
export function frameArguments(
  { side, maxFrames }: Pick<StoryboardOptions, 'side' | 'maxFrames'>,
  video: VideoStream,
  intervalSeconds: number,
): string[] {
  // neighbouring frames, which the better deinterlacer needs, are not decoded
  const alone = { ...video, packetCount: 1 }
  const filters = [
    ...toCommonFilters(alone),
    // `pass`: also a frame for the time after the last full interval
    `fps=1/${intervalSeconds}:start_time=0:eof_action=pass`,
    ...toColourFilters(alone, layoutOf(side, video), 'tonemap'),
    imageMatrix,
  ]
  return [
    ['-map', `0:${video.index}`, '-an', '-sn', '-dn', '-map_metadata', '-1', '-frames:v', String(maxFrames)],
    ['-vf', filters.join(','), '-pix_fmt', 'yuvj420p', '-c:v', 'mjpeg', '-q:v', '2', '-f', 'matroska'],
  ].flat()
}

/** Returns ffmpeg's options for the image of all frames. */
export function sheetArguments(
  { columns, quality }: Pick<StoryboardOptions, 'columns' | 'quality'>,
  count: number,
): string[] {
  const across = Math.min(columns, count)
  return [
    ['-map', '0:0', '-frames:v', '1', '-vf', `tile=${across}x${Math.ceil(count / across)}:nb_frames=${count}`],
    ['-pix_fmt', 'yuvj420p', '-c:v', 'mjpeg', ...toJpegOptions(quality)],
    ['-f', 'image2', '-update', '1'],
  ].flat()
}

const layoutOf = (side: number, video: VideoStream) => toLayout(video, { maxWidth: side, maxHeight: side })
