/**
 * One run of ffmpeg as data. Paths are plain paths: the daemon adds `file:`, the whitelists and all other hardening.
 */
export type FfmpegCommand = {
  /** Path of the input. Default: the source. */
  input?: string
  /** Options before the input, such as `['-ss', '1.5']`. */
  inputOptions?: readonly string[]
  /**
   * Output files with their options. Can be empty when `alsoDecode` is set. An output without content is an error, unless
   * `canBeEmpty` is set.
   */
  outputs: readonly { path: string; options: readonly string[]; canBeEmpty?: boolean }[]
  /**
   * Options of an additional output that is decoded and discarded, such as `['-map', '0:1']`. It checks that streams
   * which are copied can be decoded.
   */
  alsoDecode?: readonly string[]
  /** Expected duration of the output. Without it, `onProgress` is called only at the end. */
  durationSeconds?: number | null
  /** Receives the completed fraction, from 0 to 1; it never decreases. */
  onProgress?: (fraction: number) => void
}

/**
 * A short run of ffmpeg that checks at start whether ffmpeg can do what `run` will need. Its input is a generated
 * sample: stream 0 is video (64x64, 4:2:0, five frames), stream 1 is stereo audio.
 */
export type FfmpegTrial = {
  /** Names what is missing when the trial fails, such as `libx264`. */
  readonly name: string
  /** Options before the input. */
  readonly inputOptions?: readonly string[]
  /** Options of the output file, and its extension, which selects the container. */
  readonly output?: { readonly extension: string; readonly options: readonly string[] }
  /** Options of an output that is decoded and discarded, as in {@link FfmpegCommand}. */
  readonly alsoDecode?: readonly string[]
  /**
   * Makes the trial optional: the daemon starts even if it fails. Called at its end, with the reason of the failure or null. An
   * optional trial, and one with a hardware encoder, runs alone.
   */
  readonly onEnd?: (failure: string | null) => void
}

/** Cost and findings of one run of ffmpeg. */
export type FfmpegResult = {
  /** Wall time. */
  readonly seconds: number
  /** CPU time of ffmpeg. The last sample is taken up to 0.3 s before its end. */
  readonly cpuSeconds: number
  /** The last output timestamp that ffmpeg reported; null when it reported none. */
  readonly outSeconds: number | null
  /** Number of video frames in the first output; null when ffmpeg reported none. */
  readonly frames: number | null
  /** Number of frames that were dropped because their timestamps did not increase; null when ffmpeg reported none. */
  readonly droppedFrames: number | null
  /** Defects of the input that ffmpeg reported. */
  readonly corruption: Corruption
}

/** Defects of a source that ffmpeg reported while it read it, counted over all of its output. */
export type Corruption = {
  /**
   * By stream index of the source: number of packets that could not be decoded and of frames that were decoded corrupt.
   */
  readonly undecodable: Readonly<Record<number, number>>
  /** Whether the file ends before the end that its container states. */
  readonly truncated: boolean
  /** Whether data is missing or unreadable in the middle of the container. */
  readonly gaps: boolean
  /**
   * Decoding timestamp of the last packet that the demuxer marked as incomplete, in the unit of its track (MPEG-TS: 1/90000
   * s); null when there is none.
   */
  readonly corruptTicks?: number | null
  /** Whether a copied stream has non-monotonic timestamps. */
  readonly nonMonotonic: boolean
  /**
   * Distinct integers that filter expressions printed (`print(n,24)`); plugins use them to detect mid-stream changes.
   */
  readonly detections: readonly number[]
}
