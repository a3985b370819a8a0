import { toDisplaySize, type VideoStream } from 'mediad'
import { toScaleOptions } from './mid-stream.ts'

export type Size = { readonly width: number; readonly height: number }

/** `contain`: the whole picture inside the box; `cover`: its middle fills the box; `pad`: whole, with black bars. */
export type Fit = 'contain' | 'cover' | 'pad'

/** What a picture has to fit into, and what its encoder takes. */
export type Box = {
  readonly maxWidth?: number | undefined
  readonly maxHeight?: number | undefined
  readonly fit?: Fit
  /** Smallest side the encoder takes: the only reason to enlarge a picture. */
  readonly minSide?: number
}

/** How a picture is brought to its size. What comes out is even, as 4:2:0 needs it. */
export type Layout = {
  /** The part that is left before anything else, of a picture of odd size. */
  readonly trimmed?: Size
  readonly scaled: Size
  /** The part in the middle that stays. */
  readonly cropped?: Size
  /** The canvas it lies in the middle of. */
  readonly padded?: Size
}

/** What no encoder takes more of. */
const MAX_SIDE = 16_384

/** 8K. */
const MAX_PIXELS = 8192 * 4320

/** The picture as it is shown (upright, with square pixels), brought into the box and never enlarged. */
export function toLayout(video: VideoStream, box: Box = {}): Layout {
  const { maxWidth = MAX_SIDE, maxHeight = MAX_SIDE, fit = 'contain', minSide = 2 } = box
  const shown = toShownSize(video)
  const [byWidth, byHeight] = [Math.min(maxWidth, MAX_SIDE) / shown.width, Math.min(maxHeight, MAX_SIDE) / shown.height]
  const fits = fit === 'cover' ? Math.max(byWidth, byHeight) : Math.min(byWidth, byHeight)
  const shrink = Math.min(1, fits, toMost(video, shown))
  const scale = Math.max(shrink, minSide / shown.width, minSide / shown.height)
  const scaled = toEvenSize(shown, scale)
  if (fit === 'contain') return scale === 1 && (video.pixelAspect ?? 1) === 1 ? toTrimmed(shown, scaled) : { scaled }
  const aspect = maxWidth / maxHeight
  const [wide, high] = [scaled.height * aspect, scaled.width / aspect]
  const across = fit === 'cover' ? Math.min : Math.max
  const whole = { width: across(scaled.width, wide), height: across(scaled.height, high) }
  return fit === 'cover' ? { scaled, cropped: toEvenSize(whole) } : { scaled, padded: toEvenSize(whole) }
}

/** The shape of its pixels must not make a picture of any size of one that is within the limits. */
function toMost(video: VideoStream, shown: Size): number {
  return Math.sqrt(Math.max(video.width * video.height, MAX_PIXELS) / (shown.width * shown.height))
}

/** A picture of odd size loses a line instead of being stretched by it. */
function toTrimmed({ width, height }: Size, even: Size): Layout {
  const isEven = Math.round(width) === even.width && Math.round(height) === even.height
  return isEven ? { scaled: even } : { trimmed: even, scaled: even }
}

/** What comes out of a layout. */
export function toFinalSize({ scaled, cropped, padded }: Layout): Size {
  return cropped ?? padded ?? scaled
}

/** Upright, and as wide as its pixels say. */
export function toShownSize(video: VideoStream): Size {
  return toDisplaySize({ ...video, width: video.width * (video.pixelAspect ?? 1) })
}

/**
 * The filters of a layout. What comes out is always of one size, which no encoder can change: a picture that is not like
 * the first is shown whole, in the middle of black.
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
