/** One run of ffmpeg, as data. Paths are plain paths; the runner adds `file:`, the whitelists and all other hardening. */
export type FfmpegCommand = {
  /** Default: the source. */
  input?: string
  /** Options before the input, e.g. `['-ss', '1.5']`. */
  inputOptions?: readonly string[]
  outputs: readonly { path: string; options: readonly string[] }[]
  /**
   * Options of one more output that is decoded and thrown away, e.g. `['-map', '0:1']`: the proof that what is copied can
   * be decoded.
   */
  alsoDecode?: readonly string[]
  /** How long the output will be, to make fractions of ffmpeg's progress; without it there are none. */
  durationSeconds?: number | null
  /** Fraction done, 0 to 1, never falling. */
  onProgress?: (fraction: number) => void
}

/**
 * A short run of ffmpeg that proves before the first job what `run` will need. It reads a generated sample: stream 0 is video
 * (64x64, 4:2:0, five frames), stream 1 is stereo audio.
 */
export type FfmpegTrial = {
  /** What is missing when it fails, e.g. `libx264`. */
  readonly name: string
  /** Options before the input. */
  readonly inputOptions?: readonly string[]
  /** Options of an output, and the extension of its file, which chooses the container. */
  readonly output?: { readonly extension: string; readonly options: readonly string[] }
  /** As in {@link FfmpegCommand}. */
  readonly alsoDecode?: readonly string[]
}

export type FfmpegResult = {
  /** Wall time. */
  readonly seconds: number
  /** Of ffmpeg, as it was last seen: up to 0.3 s before its end. */
  readonly cpuSeconds: number
  /** The last output timestamp ffmpeg reported; null when it reported none. */
  readonly outSeconds: number | null
  /** Pictures in the first output; null when it reported none. */
  readonly frames: number | null
  /** Pictures that did not get into it, because their times did not grow. */
  readonly droppedFrames: number | null
  /** What it complained about while it read the input. */
  readonly corruption: Corruption
}

/** What ffmpeg said of a source while it read it, counted over everything it printed. */
export type Corruption = {
  /** Per stream of the source, by index: packets that could not be decoded, and pictures that were decoded damaged. */
  readonly undecodable: Readonly<Record<number, number>>
  /** The container says that there should be more of it. */
  readonly truncated: boolean
  /** The container makes no sense somewhere: something in between is missing. */
  readonly gaps: boolean
  /** A copied stream's timestamps did not grow. */
  readonly nonMonotonic: boolean
  /** Numbers that expressions of filters printed (`print(n,24)`, n a whole number), each once. */
  readonly detections: readonly number[]
}
