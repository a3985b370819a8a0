import { toDisplaySize, type VideoStream } from 'mediad'

/**
 * A film is probed by its first pictures. What a filter tells of one that is different is a number, which `print` of
 * ffmpeg's expressions puts among the warnings; see `Corruption.detections`.
 */
export const detections = { resized: 1, interlaced: 2 } as const

/** At the level of warnings (24); its value is the number. */
const report = (note: number) => `print(${note},24)`

type Sides = { readonly width: number; readonly height: number }

/** The shape of a picture's pixels. What the probe takes for a mistake (beyond 1:10) is square here as well. */
const PIXELS = 'if(between(sar,0.1,10),sar,1)'

/** Whether a picture that reaches the `scale` filter is like the first one: as large, with pixels of that shape. */
function isFirstShape({ pixelAspect = 1, rotation }: VideoStream, { width, height }: Sides): string {
  const aspect = rotation % 180 === 0 ? pixelAspect : 1 / pixelAspect
  return `eq(iw,${width})*eq(ih,${height})*lt(abs(${PIXELS}-${Number(aspect.toFixed(4))}),0.01)`
}

/** Width over height, as shown. */
const SHOWN = `(iw/ih*${PIXELS})`

export type Scaling = {
  readonly video: VideoStream
  /** Upright and as stored, what is left after an odd line is gone. */
  readonly stored?: Sides | undefined
  /** The first picture's size in the result, and so that of all like it. */
  readonly scaled: Sides
  /** What every other has to fit into. */
  readonly frame: Sides
}

/**
 * Options of `scale`: pictures like the first get its size; any other is told, and fitted into the frame as a whole. For
 * another size ffmpeg makes the filters anew, for another shape of pixels it does not: that is why sizes are computed with
 * every frame that differs from the one before (`eval=frame`).
 */
export function toScaleOptions({ video, stored = toDisplaySize(video), scaled, frame }: Scaling): string {
  const first = isFirstShape(video, stored)
  const fitting = {
    width: `min(${frame.width},2*ceil(${frame.height / 2}*${SHOWN}))`,
    height: `min(${frame.height},2*ceil(${frame.width / 2}/${SHOWN}))`,
  }
  return [
    `w='if(${first},${scaled.width},${report(detections.resized)}*${fitting.width})'`,
    `h='if(${first},${scaled.height},${fitting.height})'`,
    'eval=frame',
  ].join(':')
}

/** Filters that change nothing, and tell whether a film that is to be copied is not the same to its end. */
export function toDetectionFilters(video: VideoStream): string[] {
  const resized = `scale=w='if(${isFirstShape(video, video)},iw,${report(detections.resized)}*iw)':h=ih:eval=frame`
  return mayBeInterlaced(video) ? [detectInterlaced, resized] : [resized]
}

/** Once, not with every picture. */
const detectInterlaced = `select='if(eq(interlace_type,PROGRESSIVE)+ld(0),1,st(0,${report(detections.interlaced)}))'`

/** The codecs of cameras and broadcasters: each frame says whether it is made of half-pictures. */
export function mayBeInterlaced({ interlaced, codec, width, height }: VideoStream): boolean {
  if (Math.ceil(width / 2) < 3 || Math.ceil(height / 2) < 4) return false // bwdif takes no smaller planes, of 4:2:0
  return interlaced === true || ['h264', 'mpeg2video', 'mpeg4', 'vc1', 'dvvideo', 'prores', 'mjpeg'].includes(codec)
}
