/**
 * What ffprobe reports about a file, checked and typed: a number is never NaN. The values come from the file itself and
 * can be wrong.
 */
export type Probe = {
  /** ffmpeg's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly format: string
  /** Duration from the header; null when the header has none. It can be wrong. */
  readonly durationSeconds: number | null
  /** Timestamp at which the earliest stream starts; 0 when unknown. */
  readonly startSeconds: number
  /** Size of the file in bytes. */
  readonly sizeBytes: number
  /** The video track to work with, selected by the rules of `pick.ts`; null when there is none. */
  readonly video: VideoStream | null
  /** The audio track to work with, selected by the rules of `pick.ts`; null when there is none. */
  readonly audio: AudioStream | null
  /**
   * The other audio tracks that a listener could choose, best first: not those for which `pick.ts` says that they accompany or
   * replace the main one for some listeners. Absent when there are none.
   */
  readonly otherAudio?: readonly AudioStream[]
  /** All subtitle tracks. */
  readonly subtitles: readonly SubtitleStream[]
  /** Tracks that are not used: the other video and audio tracks, cover art, data, attachments. */
  readonly skipped: readonly SkippedTrack[]
  /** Number of streams of all types. */
  readonly streamCount: number
  readonly chapterCount: number
  /** Whether the file ends before the end that its container states. */
  readonly truncated?: boolean
  /** Whether the durations are estimates that ffprobe made from the bit rate, instead of values from the file. */
  readonly isDurationEstimated?: boolean
  /**
   * Whether video or audio of an MPEG stream is marked as scrambled. The marks can be left over after descrambling: only an
   * error shows that it is scrambled.
   */
  readonly scrambled?: boolean
  /** Size of the file in bytes according to its header; null when the header has none. */
  readonly declaredBytes?: number | null
  /** Whether the header was written before sizes and durations were known, so that those it has are placeholders. */
  readonly isStreamed?: boolean
  /** Whether the parameters of a track come late in the file, so that ffmpeg has to search longer for them, too. */
  readonly needsLongAnalysis?: boolean
  /** Share of an MPEG-TS in which the selected tracks are not replaced by others, as its program map says; else 1. */
  readonly mappedShare?: number
  /** Whether the file has every byte that its container states. False for containers that state none. */
  readonly hasAllBytes?: boolean
}

/** A video track. */
export type VideoStream = {
  /** ffmpeg's stream index, for `-map 0:<index>`. */
  readonly index: number
  /** ffmpeg's name of the codec, such as `h264`. */
  readonly codec: string
  /** ffmpeg's name of the profile, such as `High` or `Main 10`; absent when unknown. */
  readonly profile?: string
  /** Coded width in pixels, before rotation. */
  readonly width: number
  /** Coded height in pixels, before rotation. */
  readonly height: number
  /** Clockwise rotation in degrees that a player applies, after mirroring. */
  readonly rotation: 0 | 90 | 180 | 270
  /** Whether a player flips the frames horizontally, before it rotates them. */
  readonly mirrored?: boolean
  /** ffmpeg's name of the pixel format, such as `yuv420p`; null when unknown. */
  readonly pixelFormat: string | null
  /**
   * Decoder to select by name, because ffmpeg's default decoder ignores the alpha channel of WebM; absent otherwise.
   */
  readonly decoder?: string
  /** Average frame rate; null when unknown. */
  readonly framesPerSecond: number | null
  /**
   * Highest frame rate according to the container (`r_frame_rate`); null when unknown. It can be absurd, such as 90000.
   */
  readonly maxFramesPerSecond?: number | null
  /** Number of packets according to the container's index; null when it has none. */
  readonly packetCount?: number | null
  /** Timestamp at which the track starts; 0 when unknown. */
  readonly startSeconds?: number
  /** Duration of the track; null when unknown. */
  readonly durationSeconds: number | null
  /** Pixel aspect ratio, width over height; 1 when unknown. */
  readonly pixelAspect?: number
  /** ffmpeg's name of the transfer function; `smpte2084` (PQ) and `arib-std-b67` (HLG) are HDR. Absent when unknown. */
  readonly transfer?: string
  /** ffmpeg's name of the color primaries; absent when unknown. */
  readonly primaries?: string
  /** ffmpeg's name of the matrix between RGB and YUV; `gbr` is RGB itself. Absent when unknown. */
  readonly matrix?: string
  /** `pc` for full range, `tv` for limited range (16 to 235 in 8 bits); absent when unknown. */
  readonly range?: string
  /** Mastering metadata of HDR video, as far as the file has it and it is plausible; absent for SDR. */
  readonly mastering?: Mastering
  /** Whether the file has mastering metadata that cannot be true, such as a brightest pixel of 1 cd/m². */
  readonly hasImplausibleMastering?: boolean
  /** Whether the track is interlaced: each frame consists of two fields. */
  readonly interlaced?: boolean
  /**
   * Set when each coded frame is a single field, as HEVC allows: the field that comes first. Height, frame rates and the
   * number of packets are those of frames with two fields.
   */
  readonly codedFields?: 'top' | 'bottom'
  /** How to convert the colours of an image to sRGB, from its ICC profile; absent for sRGB and for video. */
  readonly colourProfile?: ColourProfile
  /** Projection of 360° video in the container, such as `equirectangular`; absent for flat video. */
  readonly projection?: string
  /** How frames of stereo video contain both views according to the container, such as `side by side`; absent for others. */
  readonly stereo?: string
  /** Number of sample descriptions of an MP4 track; absent for other containers. */
  readonly descriptionCount?: number
  /** Whether an edit list of an MP4 leaves out a part of the track, repeats it, or changes its speed. */
  readonly isCut?: boolean
  /** Parameter sets of H.264 and HEVC in the sample description of an MP4, in hexadecimal; absent elsewhere. */
  readonly parameterSets?: readonly string[]
}

/**
 * Mastering display (SMPTE ST 2086) and content light level (CTA-861.3) of HDR video, in the units of HEVC and AV1:
 * chromaticities in 1/50000, luminances in 1/10000 cd/m², light levels in cd/m².
 */
export type Mastering = {
  readonly display?: {
    readonly red: Point
    readonly green: Point
    readonly blue: Point
    readonly white: Point
    readonly luminance: { readonly min: number; readonly max: number }
  }
  /** `max` is MaxCLL, `average` is MaxFALL. */
  readonly light?: { readonly max: number; readonly average: number }
}
type Point = { readonly x: number; readonly y: number }

/** An ICC profile of RGB: a curve for each of red, green and blue, and a matrix. */
export type ColourProfile = {
  /** Convert values from 0 to 1 to linear light. */
  readonly curves: readonly Curve[]
  /** Converts linear light to that of sRGB: three rows of three. */
  readonly matrix: readonly number[]
}

/** The function `(a x + b)^gamma + e` from `d` on, and `c x + f` below. */
export type Curve = {
  readonly gamma: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly e: number
  readonly f: number
}

/** A mono track that is one channel of the audio. */
export type MonoTrack = {
  /** ffmpeg's stream index. */
  readonly index: number
  /** ffmpeg's name of the speaker position, such as `FL`. */
  readonly position: string
}

/** An audio track, or several mono tracks that together are the audio. */
export type AudioStream = {
  /** ffmpeg's stream index, for `-map 0:<index>`; that of the first of several mono tracks. */
  readonly index: number
  /** The mono tracks that together are the audio, one for each channel; absent for a single track. */
  readonly tracks?: readonly MonoTrack[]
  /** ffmpeg's name of the codec, such as `aac`. */
  readonly codec: string
  /** ffmpeg's name of the profile, such as `LC`; absent when unknown. */
  readonly profile?: string
  readonly channels: number
  /** ffmpeg's name of the channel layout, such as `stereo`, `5.1(side)` or `BL+BR`; absent when unknown. */
  readonly layout?: string
  /** Sample rate in Hz. */
  readonly sampleRate: number
  /** Number of packets according to the container's index; null when it has none. */
  readonly packetCount?: number | null
  /** Timestamp at which the track starts; 0 when unknown. */
  readonly startSeconds?: number
  /** Duration of the track; null when unknown. */
  readonly durationSeconds: number | null
  /** Number of sample descriptions of an MP4 track; absent for other containers. */
  readonly descriptionCount?: number
  /** Whether an edit list of an MP4 leaves out a part of the track, repeats it, or changes its speed. */
  readonly isCut?: boolean
  /** ISO 639-2 code of three letters; absent when unknown. */
  readonly language?: string
}

/** A subtitle track. */
export type SubtitleStream = {
  /** ffmpeg's stream index, for `-map 0:<index>`. */
  readonly index: number
  /** ffmpeg's name of the codec, such as `subrip`. */
  readonly codec: string
  /** Whether the subtitles are text, which can be converted to WebVTT, and not bitmaps. */
  readonly isText: boolean
  /** ISO 639-2 code of three letters; absent when unknown. */
  readonly language?: string
}

/** A track that is not used. */
export type SkippedTrack = {
  /** ffmpeg's stream index. */
  readonly index: number
  /** `video`, `audio`, `data`, `attachment`, … */
  readonly type: string
  /** ffmpeg's name of the codec; null when it knows none. */
  readonly codec: string | null
  /** Why the track is not used, in words. */
  readonly reason: string
}

/** Returns the size at which a player shows the video: after rotation, with the pixel aspect ratio not applied. */
export function toDisplaySize(video: VideoStream): { width: number; height: number } {
  return video.rotation % 180 === 0
    ? { width: video.width, height: video.height }
    : { width: video.height, height: video.width }
}

/** Returns whether the video is HDR: its transfer function is PQ or HLG. */
export function isHdr({ transfer }: Pick<VideoStream, 'transfer'>): boolean {
  return transfer === 'smpte2084' || transfer === 'arib-std-b67'
}

/** Returns whether the file is a still image: ffmpeg reads it with one of its image demuxers (`*_pipe`). */
export function isStill({ format }: Pick<Probe, 'format'>): boolean {
  return format.endsWith('_pipe')
}
