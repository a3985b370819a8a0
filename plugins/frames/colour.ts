import { isHdr, type Mastering, type VideoStream } from 'mediad'
import { mayBeInterlaced } from './mid-stream.ts'
import { isRgb } from './pixels.ts'
import { toSrgbFilters } from './profile.ts'
import { toSizeFilters, type Layout } from './size.ts'

/** `tonemap` converts HDR to SDR with tone mapping; `keep` leaves it HDR with 10 bits. */
export type Hdr = 'tonemap' | 'keep'

/** Filters that some builds of ffmpeg lack. */
export const colourFilters = ['zscale', 'tonemap']

/**
 * Returns the filters that convert any video to one that every player shows correctly: fields become frames, interlaced frames are
 * deinterlaced (progressive frames pass unchanged), transparency is composited on black, frames get the size of the layout, and colours
 * become 8-bit 4:2:0 with limited range. BT.601 and BT.709 video keeps its matrix and its tags. ffmpeg itself applies the
 * display matrix before these filters.
 */
export function toFrameFilters(video: VideoStream, layout: Layout, { hdr }: { hdr: Hdr }): string[] {
  return [...toCommonFilters(video), ...toColourFilters(video, layout, hdr)]
}

/** Returns the first of these filters, which do not depend on the layout: several results can share them. */
export function toCommonFilters(video: VideoStream): string[] {
  return [
    ...(video.codedFields === undefined ? [] : [`weave=first_field=${video.codedFields}`]),
    ...(mayBeInterlaced(video) ? [toDeinterlacer(video)] : []),
    ...(hasAlpha(video) ? ['premultiply=inplace=1'] : []),
  ]
}

/** Returns the deinterlacer. `bwdif` needs neighbouring frames: it would return the only frame of a video as it is. */
function toDeinterlacer({ packetCount }: VideoStream): string {
  return packetCount === 1 ? 'estdif=mode=frame:deint=interlaced' : 'bwdif=mode=send_frame:deint=interlaced'
}

/**
 * Returns the options before the input: the decoder that reads the alpha channel, where one has to be named. For a track
 * without rotation, automatic rotation is off: a display orientation SEI in an H.264 stream can request it for single frames,
 * and ffmpeg would rotate only those.
 */
export function toFrameInputOptions({ index, decoder, rotation, mirrored }: VideoStream): string[] {
  const notRotated = rotation === 0 && mirrored !== true
  return [...(notRotated ? ['-noautorotate'] : []), ...(decoder === undefined ? [] : [`-c:${index}`, decoder])]
}

/** Whether the output of {@link toFrameFilters} is HDR. */
export function staysHdr(video: VideoStream, hdr: Hdr): boolean {
  return hdr === 'keep' && isHdr(video)
}

function hasAlpha({ pixelFormat }: VideoStream): boolean {
  return /^(?:yuva|rgba|bgra|argb|abgr|gbrap|ya\d|pal8)/.test(pixelFormat ?? '')
}

/** Returns the other filters, for size and colour, by the kind of source: kept HDR, HDR, an image with a colour profile, RGB, BT.2020 SDR, BT.601 or BT.709. */
export function toColourFilters(video: VideoStream, layout: Layout, hdr: Hdr): string[] {
  if (staysHdr(video, hdr))
    return [
      ...toWideTags(video),
      ...toSizeFilters(video, layout, []),
      ...toLimited(video),
      'format=yuv420p10le',
      ...withoutMastering(video),
    ]
  if (isHdr(video)) return [...toWideTags(video), ...toSizeFilters(video, layout, []), ...toToneMapping(video)]
  if (video.colourProfile)
    return [
      ...toSizeFilters(video, layout, []),
      ...toSrgbFilters(video.colourProfile),
      'scale=out_range=tv:out_color_matrix=bt709',
      'format=yuv420p',
      taggedBt709,
    ]
  if (isRgb(video))
    return [...toSizeFilters(video, layout, ['out_range=tv', 'out_color_matrix=bt709']), 'format=yuv420p', taggedBt709]
  if (video.primaries === 'bt2020')
    return [...toWideTags(video), ...toSizeFilters(video, layout, []), toBt709, 'format=yuv420p']
  return [...toNarrowTags(video), ...toSizeFilters(video, layout, ['out_range=tv']), 'format=yuv420p']
}

/** Whether a video without a matrix tag counts as BT.709 by its size. Without tags, a downscaled version would count as BT.601. */
function isUntaggedBt709({ matrix, width, height }: VideoStream): boolean {
  return matrix === undefined && (width >= 1280 || height > 576)
}

/** Adds missing tags to BT.709 video, and replaces a matrix that `scale` does not support. */
function toNarrowTags(video: VideoStream): string[] {
  if (isUntaggedBt709(video)) return ['setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709']
  if (isConvertible(video)) return ['zscale=matrix=bt709']
  return hasUnsupportedMatrix(video) ? ['setparams=colorspace=bt709'] : []
}

/** Converts RGB or full range to BT.2020 non-constant luminance with limited range, for video that stays HDR. */
function toLimited(video: VideoStream): string[] {
  return isRgb(video) || video.range === 'pc' ? ['zscale=matrix=2020_ncl:range=limited'] : []
}

/** Adds missing BT.2020 tags to wide-gamut video, and replaces tags that `scale` or `zscale` does not support. */
function toWideTags(video: VideoStream): string[] {
  const { primaries, matrix, transfer } = video
  const isConverted = isConvertible(video)
  const tags = [
    ...(primaries === undefined ? ['color_primaries=bt2020'] : []),
    ...(matrix === undefined || (hasUnsupportedMatrix(video) && !isConverted) ? ['colorspace=bt2020nc'] : []),
    ...(transfer === undefined || unsupportedTransfers.has(transfer) ? ['color_trc=bt2020-10'] : []),
  ]
  return [
    ...(tags.length === 0 ? [] : [`setparams=${tags.join(':')}`]),
    ...(isConverted ? ['zscale=matrix=bt2020nc'] : []),
  ]
}

/** Transfer functions of BT.1361 and digital cinema, which `zscale` of ffmpeg 5.1 rejects. */
const unsupportedTransfers: ReadonlySet<string> = new Set(['bt1361e', 'smpte428'])

/** Matrices that `scale` supports. Older versions convert others as if they were BT.601; since ffmpeg 7.1 they are rejected. */
const scaledMatrices: ReadonlySet<string> = new Set([
  'gbr',
  'bt709',
  'fcc',
  'bt470bg',
  'smpte170m',
  'smpte240m',
  'bt2020nc',
])

/** Whether filters need another matrix than that of the tags. */
function hasUnsupportedMatrix({ matrix, pixelFormat }: VideoStream): boolean {
  if (matrix === 'gbr') return pixelFormat?.startsWith('yuv') === true
  return matrix !== undefined && !scaledMatrices.has(matrix)
}

/** Whether `zscale` of ffmpeg 5.1 can convert a matrix that `scale` does not support. Constant luminance depends on the transfer function. */
function isConvertible(video: VideoStream): boolean {
  const { matrix, transfer } = video
  return matrix === 'ycgco' || (matrix === 'bt2020c' && transfer !== undefined && transfer.startsWith('bt'))
}

const taggedBt709 = 'setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709'
const toBt709 = 'zscale=primaries=bt709:transfer=bt709:matrix=bt709:range=tv'

/**
 * Converts to linear light in floating point, to BT.709 primaries, tone-maps (Hable), and converts to BT.709 with limited range.
 * The peak is explicit: without it, ffmpeg uses the metadata of each frame, also where it is implausible.
 */
function toToneMapping({ mastering }: VideoStream): string[] {
  return [
    'zscale=transfer=linear:npl=100',
    'format=gbrpf32le',
    'zscale=primaries=bt709',
    `tonemap=hable:desat=0:peak=${toPeak(mastering) / NOMINAL_PEAK}`,
    'zscale=transfer=bt709:matrix=bt709:range=tv',
    'format=yuv420p',
  ]
}

/** Luminance of 1.0 in linear light, in cd/m². */
const NOMINAL_PEAK = 100
/** Peak luminance of HDR video without metadata, in cd/m²: that of most screens it is made on, and ffmpeg's default. */
const USUAL_PEAK = 1000

/** Returns the peak luminance in cd/m²: of the content, else of the screen it was made on. */
function toPeak({ light, display }: Mastering = {}): number {
  return light?.max || (display ? display.luminance.max / 10_000 : USUAL_PEAK)
}

/**
 * Whether implausible mastering metadata would make players show the video wrong. Some phones write an implausible screen
 * beside a plausible light level, which takes precedence.
 */
export function isMisleading({ hasImplausibleMastering, mastering }: VideoStream): boolean {
  return hasImplausibleMastering === true && !mastering?.light?.max
}

/** Removes metadata that is implausible: encoders would write that of the frames. */
function withoutMastering({ hasImplausibleMastering }: VideoStream): string[] {
  const types = ['CONTENT_LIGHT_LEVEL', 'MASTERING_DISPLAY_METADATA']
  return hasImplausibleMastering === true ? types.map((type) => `sidedata=mode=delete:type=${type}`) : []
}
