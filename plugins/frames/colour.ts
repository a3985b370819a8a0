import { isHdr, type VideoStream } from 'mediad'
import { mayBeInterlaced } from './mid-stream.ts'
import { toSizeFilters, type Layout } from './size.ts'

/** `tonemap`: HDR becomes what every screen shows right; `keep`: it stays HDR, in 10 bits. */
export type Hdr = 'tonemap' | 'keep'

/** Filters that not every ffmpeg has. */
export const colourFilters = ['zscale', 'tonemap']

/**
 * The filters that make a picture of any origin an ordinary one: half-pictures woven together (whole ones pass untouched),
 * transparency on black, the layout's size, and colours that screens expect: 8 bits, 4:2:0, the values of television.
 * ffmpeg turns and mirrors it before them by itself. What is BT.601 or BT.709 stays so, and keeps its tags.
 */
export function toFrameFilters(video: VideoStream, layout: Layout, { hdr }: { hdr: Hdr }): string[] {
  return [
    ...(mayBeInterlaced(video) ? ['bwdif=mode=send_frame:deint=interlaced'] : []),
    ...(hasAlpha(video) ? ['premultiply=inplace=1'] : []),
    ...toColourFilters(video, layout, hdr),
  ]
}

/**
 * Options before the input: without a decoder by name its transparency would not be seen, and in a film that is upright
 * single frames may ask to be turned (H.264's SEI), which ffmpeg would obey for those alone.
 */
export function toFrameInputOptions({ index, decoder, rotation, mirrored }: VideoStream): string[] {
  const upright = rotation === 0 && mirrored !== true
  return [...(upright ? ['-noautorotate'] : []), ...(decoder === undefined ? [] : [`-c:${index}`, decoder])]
}

/** Whether the result of {@link toFrameFilters} is HDR. */
export function staysHdr(video: VideoStream, hdr: Hdr): boolean {
  return hdr === 'keep' && isHdr(video)
}

/** RGB, with or without alpha, or a palette of it. */
export function isRgb({ pixelFormat, matrix }: VideoStream): boolean {
  return matrix === 'gbr' || /^(?:gbr|x?rgb|x?bgr|argb|abgr|0rgb|0bgr|pal8)/.test(pixelFormat ?? '')
}

function hasAlpha({ pixelFormat }: VideoStream): boolean {
  return /^(?:yuva|rgba|bgra|argb|abgr|gbrap|ya\d|pal8)/.test(pixelFormat ?? '')
}

function toColourFilters(video: VideoStream, layout: Layout, hdr: Hdr): string[] {
  if (staysHdr(video, hdr))
    return [...toSizeFilters(video, layout, []), ...toMissingTags(video), ...toLimited(video), 'format=yuv420p10le']
  if (isHdr(video)) return [...toSizeFilters(video, layout, []), ...toMissingTags(video), ...toneMapping]
  if (isRgb(video))
    return [...toSizeFilters(video, layout, ['out_range=tv', 'out_color_matrix=bt709']), 'format=yuv420p', taggedBt709]
  if (video.primaries === 'bt2020')
    return [...toSizeFilters(video, layout, []), ...toMissingTags(video), toBt709, 'format=yuv420p']
  return [...toUntaggedTags(video), ...toSizeFilters(video, layout, ['out_range=tv']), 'format=yuv420p']
}

/** Large films that do not say are of BT.709; made smaller, they would be taken for BT.601. */
function isUntaggedBt709({ matrix, width, height }: VideoStream): boolean {
  return matrix === undefined && (width >= 1280 || height > 576)
}

function toUntaggedTags(video: VideoStream): string[] {
  return isUntaggedBt709(video) ? ['setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709'] : []
}

function toLimited(video: VideoStream): string[] {
  return isRgb(video) || video.range === 'pc' ? ['zscale=matrix=2020_ncl:range=limited'] : []
}

/** Wide colours without these tags would be taken for any others; and tags that `zscale` cannot take are no better than none. */
function toMissingTags(video: VideoStream): string[] {
  const { primaries, matrix, transfer } = video
  const tags = [
    ...(primaries === undefined ? ['color_primaries=bt2020'] : []),
    ...(matrix === undefined || isUnsupportedMatrix(video) ? ['colorspace=bt2020nc'] : []),
    ...(transfer === undefined || unsupportedTransfers.has(transfer) ? ['color_trc=bt2020-10'] : []),
  ]
  return tags.length === 0 ? [] : [`setparams=${tags.join(':')}`]
}

/** Of BT.1361 and of digital cinema; seen with ffmpeg 5.1, as are the matrices below. */
const unsupportedTransfers: ReadonlySet<string> = new Set(['bt1361e', 'smpte428'])

function isUnsupportedMatrix(video: VideoStream): boolean {
  const { matrix, pixelFormat } = video
  if (matrix === 'gbr') return pixelFormat?.startsWith('yuv') === true
  return matrix === 'smpte2085' || matrix === (isHdr(video) ? 'bt2020c' : 'ictcp')
}

const taggedBt709 = 'setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709'
const toBt709 = 'zscale=primaries=bt709:transfer=bt709:matrix=bt709:range=tv'

/** Linear light, BT.709 colours, a curve for what is too bright, and BT.709 again; in floating point in between. */
const toneMapping = [
  'zscale=transfer=linear:npl=100',
  'format=gbrpf32le',
  'zscale=primaries=bt709',
  'tonemap=hable:desat=0',
  'zscale=transfer=bt709:matrix=bt709:range=tv',
  'format=yuv420p',
]
