/** What ffprobe says of a file, in numbers that can be trusted to be numbers. */
export type Probe = {
  /** ffmpeg's name of the container, e.g. `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly format: string
  /** As the header claims; null when it says nothing. Headers lie. */
  readonly durationSeconds: number | null
  /** When the earliest stream begins, by the file's own clock; 0 when it does not say. */
  readonly startSeconds: number
  readonly sizeBytes: number
  /** The picture, chosen by the rules of `pick.ts`. */
  readonly video: VideoStream | null
  /** The sound, chosen by the rules of `pick.ts`. */
  readonly audio: AudioStream | null
  readonly subtitles: readonly SubtitleStream[]
  /** Tracks of picture and sound that were not chosen, and what is neither picture, sound nor subtitle. */
  readonly skipped: readonly SkippedTrack[]
  /** How many streams of any kind there are. */
  readonly streamCount: number
  readonly chapterCount: number
  /** Whether the container itself says that its end is missing. */
  readonly truncated?: boolean
  /** Whether the lengths are no claims of the file but guesses from its first bit rate. */
  readonly isDurationEstimated?: boolean
  /** How large the container says it is; null when it does not say. */
  readonly declaredBytes?: number | null
}

export type VideoStream = {
  /** ffmpeg's stream index, for `-map 0:<index>`. */
  readonly index: number
  readonly codec: string
  /** In ffmpeg's words, e.g. `High`, `Main 10`; absent when the file does not say. */
  readonly profile?: string
  /** As coded, before rotation. */
  readonly width: number
  readonly height: number
  /** Clockwise turn a player applies, after it has mirrored. */
  readonly rotation: 0 | 90 | 180 | 270
  /** Whether a player shows the picture as in a mirror: left and right exchanged, before it is turned. */
  readonly mirrored?: boolean
  readonly pixelFormat: string | null
  /** The decoder that must be asked for by name, because ffmpeg's own does not see the transparency of WebM. */
  readonly decoder?: string
  /** The average, which is real. */
  readonly framesPerSecond: number | null
  /** The highest rate at which frames may follow each other, as the container claims; 90000 is not unheard of. */
  readonly maxFramesPerSecond?: number | null
  /** As the container's index lists them; null when it has none. */
  readonly packetCount?: number | null
  readonly startSeconds?: number
  readonly durationSeconds: number | null
  /** Width of one pixel over its height; 1 when the file does not say. */
  readonly pixelAspect?: number
  /** How light is coded, in ffmpeg's word; `smpte2084` and `arib-std-b67` are HDR. Absent when the file does not say. */
  readonly transfer?: string
  readonly primaries?: string
  /** The matrix between RGB and YUV; `gbr` means that it is RGB. */
  readonly matrix?: string
  /** `pc`: all values are used, `tv`: as in television, 16 to 235. */
  readonly range?: string
  /** How an HDR picture was mastered, as far as it says; absent for others. */
  readonly mastering?: Mastering
  /** Whether a picture is made of two half-pictures, as old television is. */
  readonly interlaced?: boolean
}

/**
 * How an HDR picture was mastered (SMPTE ST 2086) and how bright it gets (CTA-861.3). Colours in 1/50000, luminances
 * in 1/10000 cd/m², light levels in cd/m²: the units of HEVC and AV1.
 */
export type Mastering = {
  readonly display?: {
    readonly red: Point
    readonly green: Point
    readonly blue: Point
    readonly white: Point
    readonly luminance: { readonly min: number; readonly max: number }
  }
  readonly light?: { readonly max: number; readonly average: number }
}
type Point = { readonly x: number; readonly y: number }

export type AudioStream = {
  readonly index: number
  readonly codec: string
  readonly profile?: string
  readonly channels: number
  /** Where they are heard, in ffmpeg's words (`stereo`, `5.1(side)`, `BL+BR`); absent when the file does not say. */
  readonly layout?: string
  readonly sampleRate: number
  /** As the container's index lists them; null when it has none. */
  readonly packetCount?: number | null
  readonly startSeconds?: number
  readonly durationSeconds: number | null
  /** Three letters of ISO 639-2; absent when the file does not say. */
  readonly language?: string
}

export type SubtitleStream = {
  readonly index: number
  readonly codec: string
  /** Text can become WebVTT; pictures of text cannot. */
  readonly isText: boolean
  readonly language?: string
}

export type SkippedTrack = {
  readonly index: number
  /** `video`, `audio`, `data`, `attachment`, … */
  readonly type: string
  readonly codec: string | null
  readonly reason: string
}

/** Width and height as a person sees the picture: after rotation. */
export function toDisplaySize(video: VideoStream): { width: number; height: number } {
  return video.rotation % 180 === 0
    ? { width: video.width, height: video.height }
    : { width: video.height, height: video.width }
}

/** Whether the light is coded for HDR screens: PQ or HLG. */
export function isHdr({ transfer }: Pick<VideoStream, 'transfer'>): boolean {
  return transfer === 'smpte2084' || transfer === 'arib-std-b67'
}

/** Whether the file is one picture: what ffmpeg reads with a demuxer for a stream of pictures. */
export function isStill({ format }: Pick<Probe, 'format'>): boolean {
  return format.endsWith('_pipe')
}
