/** A line of stderr that mediad matches, and the tested releases of ffmpeg (see versions.ts) that print it. */
export type PrintedLine = { readonly pattern: RegExp; readonly releases: string }

const every = '5.1 7.1 9.0'
const line = (pattern: RegExp, releases = every): PrintedLine => ({ pattern, releases })

/**
 * Every line of ffmpeg, ffprobe and the encoders that affects a decision. test/media/printed-lines.test.ts makes the programs
 * on PATH print each of them, and checks that exactly the releases named here do. A line that only older releases print has a
 * counterpart for newer ones.
 */
export const printed = {
  // the machine
  diskFull: line(/: No space left on device$/),
  noMemory: line(/Cannot allocate memory/),
  noMemoryForLibraries: line(/failed to map segment from shared object/),
  noMemoryForX264: line(/malloc of size \d+ failed/),
  noMemoryForSvtAv1: line(/allocate memory failed/),
  noMemoryForX265: line(/memory allocation failure/),
  noFileHandle: line(/Too many open files/),
  noFileHandleForLibraries: line(/cannot open shared object file: Error 24$/),
  noThread: line(/Resource temporarily unavailable$/),
  noEncoder: line(/Unknown encoder '([^']*)'/),
  noFilter: line(/No such filter: '([^']*)'/),

  // the file
  tooManyStreams: line(/Number of streams exceeds max_streams parameter \((\d+)\)/),
  tooManyTracks: line(/Number of tracks exceeds max_streams \((\d+)\)/, '7.1 9.0'),
  formatRefused: line(/Format not on whitelist/),
  protocolRefused: line(/Protocol '[^']*' not on whitelist/),
  lowScore: line(/detected only with low score of/),
  notMedia: line(
    /^(?:\[[^\]]*\] )*file:.*: (?:Invalid data found when processing input|Invalid argument)$/, // 7.1 and later: ffprobe only
  ),
  notMediaInFfmpeg: line(
    /^(?:\[[^\]]*\] )*Error opening input: (?:Invalid data found when processing input|Invalid argument)$/,
    '7.1 9.0',
  ),
  noIndex: line(/moov atom not found/),
  endedEarly: line(/File ended prematurely/),
  partialFile: line(/offset 0x[\da-f]+: partial file/),
  durationEstimated: line(/Estimating duration from bitrate/),
  protectedStream: line(/DRM protected stream detected/),

  // its tracks
  unsupportedCodec: line(/Unsupported codec with id \d+ for input stream (\d+)/),
  noDecoder: line(/Decoder \(codec (\w+)\) not found/, '5.1'),
  noDecoderNewer: line(/no decoder found for: (\w+)/, '7.1 9.0'),
  notImplemented: line(/\[(\w+) @ \w+\].* is not implemented\. Update your FFmpeg/),
  tooManyPixels: line(/Picture size ([1-9]\d*x[1-9]\d*) exceeds specified max pixel count/),
  sizeInvalid: line(/Picture size ([1-9]\d*x[1-9]\d*) is invalid/),
  tooSmallToDeinterlace: line(/Video (?:with planes|of) less than .* is not supported/),
  decodingFailed: line(/Error while decoding stream/, '5.1'),
  packetRefused: line(/Error submitting (?:a )?packet to (?:the )?decoder/, '7.1 9.0'),
  frameRefused: line(/\[error\] Decoding error:/, '7.1 9.0'),
  tooManyErrors: line(/Decode error rate \S+ exceeds/, '7.1 9.0'),
  noFormat: line(/Cannot determine format of input/),
  noParameters: line(/Could not find codec parameters/),
  noParser: line(/Could not open codec for input stream/),
  noStream: line(/matches no streams/),

  // defects inside the file; the first group is the stream index
  streamError: line(/^\[error\] Error while decoding stream #0:(\d+)/, '5.1'),
  decoderError: line(/^\[[va]?ist#0:(\d+)\/\S+ @ \w+\] \[dec:\S+ @ \w+\] \[error\]/, '7.1 9.0'),
  corruptFrame: line(/^\[warning\] .*: corrupt decoded frame in stream (\d+)$/, '5.1'),
  corruptFrameNewer: line(/^\[[va]?ist#0:(\d+)\/.*\[warning\] corrupt decoded frame$/, '7.1 9.0'),
  partial: line(/\] \[error\] stream \d+, offset 0x[\da-f]+: partial file/),
  ended: line(/\] \[error\] File ended prematurely/),
  corruptPacket: line(/\] \[warning\] Packet corrupt \(stream = \d+, dts = (-?\d+|NOPTS)\)/),
  corruptInput: line(/^\[warning\] file:.*: corrupt input packet in stream \d+$/, '5.1'),
  corruptInputNewer: line(/^\[in#0\/\S+ @ \w+\] \[warning\] corrupt input packet in stream \d+$/, '7.1 9.0'),
  shorterThanHeader: line(/\] \[warning\] filesize and duration do not match/),
  invalidElement: line(/\] \[error\] .*invalid as first byte of an EBML number/),
  unknownSize: line(/\] \[error\] Unknown-sized element/),
  nonMonotonic: line(/\[warning\] Non-monotonous DTS/, '5.1'),
  nonMonotonicNewer: line(/\[warning\] Non-monotonic DTS/, '7.1 9.0'),
  /**
   * A number that a filter expression printed. A source that makes ffmpeg print such a line causes its own video to be
   * re-encoded, nothing else.
   */
  detection: line(/^(?:\[[^\]]*\] )*\[warning\] (\d{1,3})\.0{6}$/),

  // lines without information: encoders print their settings at any `-loglevel`, and JPEG uses a deprecated pixel format
  svtAv1Settings: line(/^Svt\[info\]/),
  x265Settings: line(/^x265 \[info\]/, '5.1 7.1'),
  deprecatedFormat: line(/deprecated pixel format used/),
} as const satisfies Readonly<Record<string, PrintedLine>>
