import { toDisplaySize, type VideoStream } from 'mediad'
import { toScaleOptions } from './mid-stream.ts'

export type Size = { readonly width: number; readonly height: number }

/** `contain` scales until all of the frame fits; `cover` fills the box and crops the rest; `pad` adds black bars. */
export type Fit = 'contain' | 'cover' | 'pad'

/** Box that frames have to fit into, and the limit of the encoder. */
export type Box = {
  readonly maxWidth?: number | undefined
  readonly maxHeight?: number | undefined
  readonly fit?: Fit
  /** Smallest side in pixels that the encoder accepts: the only reason to enlarge frames. */
  readonly minSide?: number
}

/** Steps that bring frames to their output size, in this order. The output has even sides, as 4:2:0 requires. */
export type Layout = {
  /** Size after one row or column is cropped from an odd size. */
  readonly trimmed?: Size
  readonly scaled: Size
  /** Size of the centred crop. */
  readonly cropped?: Size
  /** Size of the black canvas that the frame is centred on. */
  readonly padded?: Size
}

/** Largest side that every encoder accepts. */
const MAX_SIDE = 16_384

/** Largest number of pixels of an output frame (8K), unless the source has more. */
const MAX_PIXELS = 8192 * 4320

/** Computes the layout for a video in a box. Starts from the display size with square pixels, and never enlarges it. */
export function toLayout(video: VideoStream, box: Box = {}): Layout {
  const { maxWidth = MAX_SIDE, maxHeight = MAX_SIDE, fit = 'contain', minSide = 2 } = box
  const shown = toSquarePixelSize(video)
  const [byWidth, byHeight] = [Math.min(maxWidth, MAX_SIDE) / shown.width, Math.min(maxHeight, MAX_SIDE) / shown.height]
  const fitted = fit === 'cover' ? Math.max(byWidth, byHeight) : Math.min(byWidth, byHeight)
  const shrink = Math.min(1, fitted, toMaxScale(video, shown))
  const scale = Math.max(shrink, minSide / shown.width, minSide / shown.height)
  const scaled = toEvenSize(shown, scale)
  if (fit === 'contain') return scale === 1 && (video.pixelAspect ?? 1) === 1 ? toTrimmed(shown, scaled) : { scaled }
  const aspect = maxWidth / maxHeight
  const [width, height] = [scaled.height * aspect, scaled.width / aspect]
  const choose = fit === 'cover' ? Math.min : Math.max
  const final = { width: choose(scaled.width, width), height: choose(scaled.height, height) }
  return fit === 'cover' ? { scaled, cropped: toEvenSize(final) } : { scaled, padded: toEvenSize(final) }
}

/** Limits the scale, so that an extreme sample aspect ratio does not blow up a frame that is within the limits. */
function toMaxScale(video: VideoStream, shown: Size): number {
  return Math.sqrt(Math.max(video.width * video.height, MAX_PIXELS) / (shown.width * shown.height))
}

/** Crops one row or column of an odd size, instead of scaling the frame by one pixel. */
function toTrimmed({ width, height }: Size, even: Size): Layout {
  const isEven = Math.round(width) === even.width && Math.round(height) === even.height
  return isEven ? { scaled: even } : { trimmed: even, scaled: even }
}

/** Returns the output size of a layout. */
export function toFinalSize({ scaled, cropped, padded }: Layout): Size {
  return cropped ?? padded ?? scaled
}

/** Returns the display size with square pixels: sample aspect ratio and rotation applied, the height of the coded frame kept. */
export function toSquarePixelSize(video: VideoStream): Size {
  return toDisplaySize({ ...video, width: video.width * (video.pixelAspect ?? 1) })
}

/**
 * Returns the filters of a layout. The output always has one size, because encoders cannot change it mid-stream: a frame of
 * another shape than the first is fitted into it, with black bars.
 */
export function toSizeFilters(video: VideoStream, layout: Layout, scaleOptions: readonly string[]): string[] {
  const { trimmed, scaled, cropped } = layout
  const frame = toFinalSize(layout)
  const [width, height] = cropped ? [`'max(iw,${frame.width})'`, `'max(ih,${frame.height})'`] : Object.values(frame)
  return [
    ...(trimmed ? ['crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0'] : []),
    `scale=${[toScaleOptions({ video, stored: trimmed, scaled, frame }), ...scaleOptions].join(':')}`,
    `pad=${width}:${height}:-1:-1:eval=frame`,
    ...(cropped ? [`crop=${cropped.width}:${cropped.height}`] : []),
    'setsar=1',
  ]
}

function toEvenSize({ width, height }: Size, scale = 1): Size {
  return { width: toEven(width * scale), height: toEven(height * scale) }
}

function toEven(length: number): number {
  return Math.max(2, Math.min(MAX_SIDE, 2 * Math.floor((length + 1e-6) / 2)))
}
