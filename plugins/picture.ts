import { toDisplaySize, type VideoStream } from '../daemon/index.ts'

export type Size = { readonly width: number; readonly height: number }

/** What no encoder takes more of. */
const MAX_SIDE = 16_384

/**
 * The picture's size as it is shown: upright, with square pixels, never wider than `maxWidth`, never enlarged (but to
 * `minSide`, below which the encoder takes nothing), and even, as 4:2:0 needs it.
 */
export function toEvenSize(video: VideoStream, limits: { maxWidth?: number; minSide?: number } = {}): Size {
  const { maxWidth = MAX_SIDE, minSide = 2 } = limits
  const { width, height } = toDisplaySize({ ...video, width: video.width * (video.pixelAspect ?? 1) })
  const shrink = Math.min(1, maxWidth / width, MAX_SIDE / height)
  const scale = Math.max(shrink, minSide / width, minSide / height)
  return { width: toEven(width * scale), height: toEven(height * scale) }
}

/**
 * The filters that make a picture of any origin an ordinary one: half-pictures woven together, the given size, HDR
 * brought to what any screen shows. ffmpeg turns it upright before them by itself. The size is in numbers, so that a
 * source which changes its size on the way does not stop the encoder.
 */
export function toFilters(video: VideoStream, size: Size, options: { toneMap: boolean }): string {
  return [
    ...(video.interlaced ? ['yadif=deint=interlaced'] : []),
    `scale=${size.width}:${size.height}`,
    'setsar=1',
    ...(options.toneMap && isHdr(video) ? toneMapping : []),
  ].join(',')
}

/** Whether the light is coded for HDR screens: PQ or HLG. */
export function isHdr({ transfer }: VideoStream): boolean {
  return transfer === 'smpte2084' || transfer === 'arib-std-b67'
}

/** Linear light, BT.709 colours, a curve for what is too bright, and BT.709 again; in floating point in between. */
const toneMapping = [
  'zscale=transfer=linear:npl=100',
  'format=gbrpf32le',
  'zscale=primaries=bt709',
  'tonemap=hable:desat=0',
  'zscale=transfer=bt709:matrix=bt709:range=tv',
]

function toEven(length: number): number {
  return Math.max(2, Math.min(MAX_SIDE, 2 * Math.floor((length + 1e-6) / 2)))
}
