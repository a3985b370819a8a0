import { toDisplaySize, type VideoStream } from 'mediad'
import { isRgb } from './pixels.ts'

/**
 * Numbers that filters print when a frame differs from the first frames, which the probe is based on. The function `print`
 * of ffmpeg's expressions logs them as warnings; `Corruption.detections` lists them. `resized`: another resolution or sample
 * aspect ratio; `interlaced`: an interlaced frame; `jitter`: audio whose timestamps are not continuous.
 */
export const detections = { resized: 1, interlaced: 2, jitter: 3 } as const

/** Returns an expression that logs a number at warning level (24) and evaluates to it. */
const print = (detection: number) => `print(${detection},24)`

type Sides = { readonly width: number; readonly height: number }

/** Sample aspect ratio of a frame. As in the probe, values beyond 1:10 count as square pixels. */
const SAMPLE_ASPECT = 'if(between(sar,0.1,10),sar,1)'

/** Returns an expression of the `scale` filter: whether a frame has the resolution and sample aspect ratio of the first one. */
function toSameShape({ pixelAspect = 1, rotation }: VideoStream, { width, height }: Sides): string {
  const aspect = rotation % 180 === 0 ? pixelAspect : 1 / pixelAspect
  return `eq(iw,${width})*eq(ih,${height})*lt(abs(${SAMPLE_ASPECT}-${Number(aspect.toFixed(4))}),0.01)`
}

/** Display aspect ratio of a frame. */
const DISPLAY_ASPECT = `(iw/ih*${SAMPLE_ASPECT})`

export type Scaling = {
  readonly video: VideoStream
  /** Size of the first frame at the `scale` filter: rotated, and cropped to even sides; default: the display size. */
  readonly stored?: Sides | undefined
  /** Output size of the first frame and all frames of its shape. */
  readonly scaled: Sides
  /** Size that all other frames are fitted into. */
  readonly frame: Sides
}

/**
 * Returns options of `scale`. Frames of the first frame's shape are scaled to `scaled`. Any other frame is reported and
 * fitted into `frame` without cropping. ffmpeg reinitialises the filters when the resolution changes, but not when only the
 * sample aspect ratio does; so sizes are evaluated for every frame that differs from the one before (`eval=frame`).
 */
export function toScaleOptions({ video, stored = toDisplaySize(video), scaled, frame }: Scaling): string {
  const isSame = toSameShape(video, stored)
  const fitted = {
    width: `min(${frame.width},2*ceil(${frame.height / 2}*${DISPLAY_ASPECT}))`,
    height: `min(${frame.height},2*ceil(${frame.width / 2}/${DISPLAY_ASPECT}))`,
  }
  return [
    `w='if(${isSame},${scaled.width},${print(detections.resized)}*${fitted.width})'`,
    `h='if(${isSame},${scaled.height},${fitted.height})'`,
    'eval=frame',
  ].join(':')
}

/** Returns filters that change nothing, and report when video that is to be copied changes mid-stream. */
export function toDetectionFilters(video: VideoStream): string[] {
  const resized = `scale=w='if(${toSameShape(video, video)},iw,${print(detections.resized)}*iw)':h=ih:eval=frame`
  return mayBeInterlaced(video) ? [detectInterlaced, resized] : [resized]
}

/** Reports the first interlaced frame only. */
const detectInterlaced = `select='if(eq(interlace_type,PROGRESSIVE)+ld(0),1,st(0,${print(detections.interlaced)}))'`

/** Codecs without interlaced frames: those of the web, of screen recorders and of images. */
const progressiveCodecs: ReadonlySet<string> = new Set(
  'vp6 vp6a vp6f vp8 vp9 av1 vvc theora gif png apng webp webp_anim h263 flv1 flashsv flashsv2 qtrle rpza smc cinepak'.split(
    ' ',
  ),
)

/** Whether frames can be interlaced: the track is, or its codec marks each frame that is. */
export function mayBeInterlaced(video: VideoStream): boolean {
  const { interlaced, codec, width, height, pixelFormat } = video
  if (Math.ceil(width / 2) < 3 || Math.ceil(height / 2) < 4) return false // bwdif rejects smaller 4:2:0 planes
  const isPackedRgb = isRgb(video) && pixelFormat?.startsWith('gbr') !== true // bwdif would convert it
  return interlaced === true || !(progressiveCodecs.has(codec) || isPackedRgb)
}
