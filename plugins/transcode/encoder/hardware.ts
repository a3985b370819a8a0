import { toSegmented, videoCodecs, type VideoCodec } from '../codecs.ts'
import type { EncoderCall, Frames, Quality } from './call.ts'

/**
 * The calls of hardware encoders. None of them ever ran on hardware: docs/hardware.md has the sources of the values, and what the
 * tests show. Data and pure functions only.
 */

/** A family of hardware encoders: NVIDIA's, Intel's Quick Sync Video, and VA-API, which has drivers of AMD and Intel. */
export type Family = 'nvenc' | 'qsv' | 'vaapi'

/** The families in the order in which `auto` prefers them. */
export const families = ['nvenc', 'qsv', 'vaapi'] as const satisfies readonly Family[]

/** A hardware encoder to use; `device` is undefined for the first one. */
export type Hardware = { readonly family: Family; readonly device?: string | undefined }

/** Codecs that every family encodes, and the longest side that their encoders of common generations accept, in pixels. */
const longestSides = { h264: 4096, hevc: 8192, av1: 8192 } as const
export type HardwareCodec = keyof typeof longestSides

/** The shortest side in pixels that all of these encoders accept. A GPU does not make a smaller video faster. */
const SHORTEST_SIDE = 256

/** Device that VA-API needs, because ffmpeg does not choose one for it. */
const FIRST_DEVICE = '/dev/dri/renderD128'

/** Interval of key frames: the default of x264. A forced key frame becomes one that a player can start at. */
const GROUP = ['-g', '250']

export const isHardwareCodec = (codec: VideoCodec): codec is HardwareCodec => Object.hasOwn(longestSides, codec)

/** Whether hardware encoders accept frames of this size. */
export function isHardwareSize(codec: HardwareCodec, { width, height }: { width: number; height: number }): boolean {
  return Math.min(width, height) >= SHORTEST_SIDE && Math.max(width, height) <= longestSides[codec]
}

/** Whether a device is one of the family: the number of a GPU for NVIDIA, a path for the others. */
export function isDeviceOf(family: Family, device: string): boolean {
  return /^\d+$/.test(device) === (family === 'nvenc')
}

export function toHardwareEncoder(codec: VideoCodec, family: Family): string {
  return `${codec}_${family}`
}

/** Returns the call of a hardware encoder. Its frames are 8 bits, or 10 bits for video that stays HDR. */
export function toHardwareCall(
  { family, device }: Hardware,
  quality: Quality,
  { mastering, segmentedKbps }: Frames,
): EncoderCall {
  const encoder = toHardwareEncoder(quality.codec, family)
  const is10Bit = mastering !== undefined
  return {
    encoder,
    ...calls[family]({ quality, device, profile: toProfile(quality.codec, is10Bit), is10Bit, segmentedKbps }),
  }
}

type Request = {
  quality: Quality
  device: string | undefined
  profile: readonly string[]
  is10Bit: boolean
  segmentedKbps: number | undefined
}

const calls: Readonly<Record<Family, (request: Request) => Omit<EncoderCall, 'encoder'>>> = {
  nvenc: ({ quality, device, profile, is10Bit, segmentedKbps }) => ({
    inputOptions: [],
    options: [
      ['-preset', `p${toLevel(quality, [1, 1, 2, 3, 4, 5, 6, 7, 7])}`, '-tune', 'hq'],
      // 0 would leave the quality to the encoder
      ['-rc', 'vbr', '-cq', String(Math.max(1, quality.crf)), '-b:v', '0'],
      [...profile, ...toGroup(segmentedKbps), '-forced-idr', '1', ...(device === undefined ? [] : ['-gpu', device])],
    ].flat(),
    filters: [],
    pixelFormat: is10Bit ? 'p010le' : 'yuv420p',
  }),
  qsv: ({ quality, device, profile, is10Bit, segmentedKbps }) => ({
    inputOptions: device === undefined ? [] : ['-qsv_device', device],
    options: [
      ['-preset', toLevel(quality, qsvPresets), '-global_quality', toQuantizer(quality, 51)],
      [...profile, ...toGroup(segmentedKbps), '-forced_idr', '1'],
    ].flat(),
    filters: [],
    pixelFormat: is10Bit ? 'p010le' : 'nv12',
  }),
  vaapi: ({ quality, device, profile, is10Bit, segmentedKbps }) => ({
    inputOptions: ['-vaapi_device', device ?? FIRST_DEVICE],
    options: [
      ['-rc_mode', 'CQP'],
      // av1_vaapi has no `-qp`, and takes the index of a quantizer
      quality.codec === 'av1' ? ['-global_quality', toQuantizer(quality, 255)] : ['-qp', toQuantizer(quality, 51)],
      // a constant quantizer has no highest bit rate
      [...profile, ...(segmentedKbps === undefined ? GROUP : toSegmented(segmentedKbps).slice(-2))],
    ].flat(),
    filters: [`format=${is10Bit ? 'p010' : 'nv12'}`, 'hwupload'],
    pixelFormat: null,
  }),
}

/** Returns the options for key frames, and for the bit rate of video in segments. */
function toGroup(segmentedKbps: number | undefined): readonly string[] {
  return segmentedKbps === undefined ? GROUP : toSegmented(segmentedKbps)
}

/** AV1 has one profile for 8 and 10 bits, which is the default. */
function toProfile(codec: VideoCodec, is10Bit: boolean): string[] {
  if (codec === 'av1') return []
  return ['-profile:v', codec === 'h264' ? 'high' : is10Bit ? 'main10' : 'main']
}

/** Scales a CRF to an integer from 1 to `highest`, the scale of an encoder. It is the same number for H.264 and HEVC. */
function toQuantizer({ codec, crf }: Quality, highest: number): string {
  return String(Math.max(1, Math.round((crf * highest) / videoCodecs[codec].crf.max)))
}

const qsvPresets = ['veryfast', 'veryfast', 'veryfast', 'faster', 'fast', 'medium', 'slow', 'slower', 'veryslow']

/** Returns the level for a preset: `levels` has one for each of x264's nine names, from fast to slow. */
function toLevel<Level>({ codec, preset }: Quality, levels: readonly Level[]): Level {
  const { allowed } = videoCodecs[codec].preset
  // a number of SVT-AV1 runs from slow to fast, and its default is x264's `medium`
  const position = typeof preset === 'number' ? (speeds[preset] ?? 0) : allowed.indexOf(preset)
  return levels[position] as Level
}

/** For each preset of SVT-AV1, from 0 to 13, the position of x264's name for a similar choice. */
const speeds = [8, 8, 7, 7, 6, 6, 6, 5, 5, 4, 4, 3, 2, 1]
