import type { Mastering } from 'mediad'

/** The supported video and audio codecs with their traits. Data and pure functions only. */

export type Container = 'mp4' | 'webm' | 'mkv'
export type VideoCodec = 'h264' | 'hevc' | 'av1' | 'vp9'
export type AudioCodec = 'aac' | 'opus'

type VideoTraits = {
  readonly encoder: string
  readonly containers: readonly Container[]
  readonly crf: { readonly default: number; readonly max: number }
  readonly preset: { readonly default: string | number; readonly allowed: readonly (string | number)[] }
  /** Smallest side that the encoder accepts, in pixels. */
  readonly minSide: number
  /** Profiles that every player of this codec supports: with 8 bits, and for HDR with 10 bits where it is supported. */
  readonly profiles: readonly string[]
  readonly hdrProfiles: readonly string[]
  /** The highest frame rate that the encoder accepts, for an encoder without an option for the rate. */
  readonly highestRate?: number
  /** Returns the options of the encoder. */
  readonly options: (preset: string | number, crf: number, special?: Special) => string[]
}

type Special = {
  /** Mastering metadata, for video that stays HDR. */
  readonly mastering?: Mastering | undefined
  /** The frame rate the encoder plans for, where ffmpeg passes one to it that is too high. */
  readonly rate?: number | undefined
  /** The highest bit rate, for video in segments: it has keyframes only where `-force_key_frames` requests them. */
  readonly segmentedKbps?: number | undefined
  /** Threads of the encoder. Each library has an option of its own for them. */
  readonly threads?: number | undefined
}

/** How much a decoder buffers of video in segments: seconds at the highest bit rate. */
const BUFFER_SECONDS = 1.5

/** Returns options that all encoders share for video in segments: the highest bit rate, and no keyframes by count. */
export function toSegmented(kbps: number | undefined): string[] {
  if (kbps === undefined) return []
  return [['-maxrate', `${kbps}k`, '-bufsize', `${Math.round(BUFFER_SECONDS * kbps)}k`], toGroupSize()].flat()
}

/** Returns the option for the largest number of frames from a keyframe to the next: more than any source has in a segment. */
const toGroupSize = (): string[] => ['-g', '9999']

const x264Presets = ['ultrafast', 'superfast', 'veryfast', 'faster', 'fast', 'medium', 'slow', 'slower', 'veryslow']

export const videoCodecs: Readonly<Record<VideoCodec, VideoTraits>> = {
  h264: {
    encoder: 'libx264',
    containers: ['mp4', 'mkv'],
    crf: { default: 23, max: 51 },
    preset: { default: 'medium', allowed: x264Presets },
    minSide: 2,
    profiles: ['Constrained Baseline', 'Baseline', 'Main', 'High'],
    hdrProfiles: [],
    // otherwise a 4:2:2 or 10-bit source gets a profile that no browser plays
    options: (preset, crf, { rate, segmentedKbps, threads } = {}) =>
      [
        ['-preset', String(preset), '-crf', String(crf), '-profile:v', 'high'],
        rate === undefined ? [] : ['-x264-params', `fps=${rate}`],
        segmentedKbps === undefined ? [] : ['-sc_threshold', '0', ...toSegmented(segmentedKbps)],
        toThreads(threads),
      ].flat(),
  },
  hevc: {
    encoder: 'libx265',
    containers: ['mp4', 'mkv'],
    crf: { default: 28, max: 51 },
    preset: { default: 'medium', allowed: x264Presets },
    minSide: 16,
    profiles: ['Main'],
    hdrProfiles: ['Main 10'],
    options: (preset, crf, { mastering, rate, segmentedKbps, threads } = {}) => {
      const params = [
        ...(rate === undefined ? [] : [`fps=${rate}`]),
        ...(segmentedKbps === undefined ? [] : ['scenecut=0', 'open-gop=0']),
        ...(threads === undefined ? [] : [`pools=${threads}`]),
        ...(mastering ? toX265(mastering) : []),
      ]
      return [
        ['-preset', String(preset), '-crf', String(crf), '-profile:v', mastering ? 'main10' : 'main'],
        ['-x265-params', ['log-level=error', ...params].join(':')],
        segmentedKbps === undefined ? [] : ['-forced-idr', '1', ...toSegmented(segmentedKbps)],
      ].flat()
    },
  },
  av1: {
    encoder: 'libsvtav1',
    containers: ['mp4', 'webm', 'mkv'],
    crf: { default: 35, max: 63 },
    preset: { default: 8, allowed: upTo(13) },
    minSide: 64,
    profiles: ['Main'],
    hdrProfiles: ['Main'],
    highestRate: 240,
    options: (preset, crf, { mastering, segmentedKbps, threads } = {}) => {
      const params = [
        ...(threads === undefined ? [] : [`lp=${threads}`]),
        ...(mastering ? toSvt(mastering) : []),
        ...(segmentedKbps === undefined ? [] : ['enable-force-key-frames=1']),
      ]
      return [
        '-preset',
        String(preset),
        '-crf',
        String(crf),
        ...(params.length > 0 ? ['-svtav1-params', params.join(':')] : []),
        ...toSegmented(segmentedKbps),
      ]
    },
  },
  vp9: {
    encoder: 'libvpx-vp9',
    containers: ['mp4', 'webm', 'mkv'],
    crf: { default: 32, max: 63 },
    preset: { default: 4, allowed: upTo(5) },
    minSide: 2,
    profiles: ['Profile 0'],
    hdrProfiles: [],
    // without `-b:v 0` the CRF only limits the quality of a low default bit rate
    options: (preset, crf, { segmentedKbps, threads } = {}) =>
      [
        [
          '-crf',
          String(crf),
          '-b:v',
          segmentedKbps === undefined ? '0' : `${Math.round(segmentedKbps / BUFFER_SECONDS)}k`,
        ],
        segmentedKbps === undefined ? [] : [...toSegmented(segmentedKbps), '-keyint_min', '9999'],
        ['-deadline', 'good', '-cpu-used', String(preset), '-row-mt', '1'],
        toThreads(threads),
      ].flat(),
  },
}

type AudioTraits = { readonly encoder: string; readonly containers: readonly Container[]; readonly kbps: number }

export const audioCodecs: Readonly<Record<AudioCodec, AudioTraits>> = {
  aac: { encoder: 'aac', containers: ['mp4', 'mkv'], kbps: 160 },
  opus: { encoder: 'libopus', containers: ['mp4', 'webm', 'mkv'], kbps: 128 },
}

/** The audio codec of each container, unless another one is requested. */
export const audioCodecOf: Readonly<Record<Container, AudioCodec>> = { mp4: 'aac', webm: 'opus', mkv: 'aac' }

const contentTypes: Readonly<Record<Container, { readonly video: string; readonly audio: string }>> = {
  mp4: { video: 'video/mp4', audio: 'audio/mp4' },
  webm: { video: 'video/webm', audio: 'audio/webm' },
  mkv: { video: 'video/x-matroska', audio: 'audio/x-matroska' },
}

export const containers = Object.keys(contentTypes) as readonly Container[]

/** Returns the container for the extension of a key; null for any other extension. */
export function toContainer(key: string): Container | null {
  const extension = /\.(\w+)$/.exec(key)?.[1]
  return extension !== undefined && Object.hasOwn(contentTypes, extension) ? (extension as Container) : null
}

export function toContentType(container: Container, kind: 'video' | 'audio'): string {
  return contentTypes[container][kind]
}

/**
 * Returns x265's parameters for HDR10 metadata, in the units of {@link Mastering}:
 * https://x265.readthedocs.io/en/stable/cli.html#cmdoption-master-display
 */
function toX265({ display, light }: Mastering): string[] {
  return [
    ...((display ?? light) ? ['hdr10-opt=1', 'repeat-headers=1'] : []),
    ...(display
      ? [
          `master-display=G(${display.green.x},${display.green.y})B(${display.blue.x},${display.blue.y})R(${display.red.x},${display.red.y})WP(${display.white.x},${display.white.y})` +
            `L(${display.luminance.max},${display.luminance.min})`,
        ]
      : []),
    ...(light ? [`max-cll=${light.max},${light.average}`] : []),
  ]
}

/** Returns SVT-AV1's parameters for HDR10 metadata, which have other units: chromaticities from 0 to 1, luminance in cd/m². */
function toSvt({ display, light }: Mastering): string[] {
  return [
    ...(display
      ? [
          `mastering-display=G${toChromaticity(display.green)}B${toChromaticity(display.blue)}R${toChromaticity(display.red)}WP${toChromaticity(display.white)}` +
            `L(${(display.luminance.max / 10_000).toFixed(4)},${(display.luminance.min / 10_000).toFixed(4)})`,
        ]
      : []),
    ...(light ? [`content-light=${light.max},${light.average}`] : []),
  ]
}

function toChromaticity({ x, y }: { x: number; y: number }): string {
  return `(${(x / 50_000).toFixed(5)},${(y / 50_000).toFixed(5)})`
}

function toThreads(threads: number | undefined): string[] {
  return threads === undefined ? [] : ['-threads', String(threads)]
}

function upTo(highest: number): number[] {
  return Array.from({ length: highest + 1 }, (_, n) => n)
}
