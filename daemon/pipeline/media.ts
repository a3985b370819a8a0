/** What ffprobe says of a file, in numbers that can be trusted to be numbers. */
export type Probe = {
  /** ffmpeg's name of the container, e.g. `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly format: string
  /** As the header claims; null when it says nothing. Headers lie. */
  readonly durationSeconds: number | null
  readonly sizeBytes: number
  /** The picture: the first video stream that is no cover art. */
  readonly video: VideoStream | null
  /** The sound: the default audio stream, else the first. */
  readonly audio: AudioStream | null
  /** How many streams of any kind there are. */
  readonly streamCount: number
}

export type VideoStream = {
  /** ffmpeg's stream index, for `-map 0:<index>`. */
  readonly index: number
  readonly codec: string
  /** As coded, before rotation. */
  readonly width: number
  readonly height: number
  /** Clockwise turn a player applies. */
  readonly rotation: 0 | 90 | 180 | 270
  readonly pixelFormat: string | null
  readonly framesPerSecond: number | null
  readonly durationSeconds: number | null
  /** Width of one pixel over its height; 1 when the file does not say. */
  readonly pixelAspect?: number
  /** How light is coded, in ffmpeg's word; `smpte2084` and `arib-std-b67` are HDR. Absent when the file does not say. */
  readonly transfer?: string
  /** Whether a picture is made of two half-pictures, as old television is. */
  readonly interlaced?: boolean
}

export type AudioStream = {
  readonly index: number
  readonly codec: string
  readonly channels: number
  readonly sampleRate: number
  readonly durationSeconds: number | null
}

/** Width and height as a person sees the picture: after rotation. */
export function toDisplaySize(video: VideoStream): { width: number; height: number } {
  return video.rotation % 180 === 0
    ? { width: video.width, height: video.height }
    : { width: video.height, height: video.width }
}
