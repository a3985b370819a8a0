const SPS = 33
/** Offset of the flags in the decoder configuration: after version (1), profile (1) and compatibility (4). */
const FLAGS_IN_CONFIGURATION = 6
/** Offset of the flags in a sequence parameter set: the unit header (2) and the ids (1) come first. */
const FLAGS_IN_SPS = 8

/**
 * Whether a decoder configuration of HEVC (`hvcC`) promises that the video has no fields: the source is progressive, and the
 * constraint of frames only holds. The flags of the configuration are valid for all parameter sets, also those between the
 * frames (ISO/IEC 14496-15, 8.3.3.1.3). The sets in it must have the same flags, because not all software fills them in.
 */
export function isFrameOnly(configuration: Buffer, sets: readonly string[]): boolean {
  const sequences = sets.map((set) => Buffer.from(set, 'hex')).filter(([first = 0]) => ((first >> 1) & 0x3f) === SPS)
  if (sequences.length === 0 || !promisesFrames(configuration[FLAGS_IN_CONFIGURATION])) return false
  return sequences.every((bytes) => promisesFrames(unescape(bytes)[FLAGS_IN_SPS]))
}

/** The first bits are those of a progressive source, an interlaced source, not packed, frames only (ITU-T H.265, 7.3.3). */
function promisesFrames(flags = 0): boolean {
  return (flags & 0b1101_0000) === 0b1001_0000
}

/** Removes the bytes that keep start codes out of the payload (ITU-T H.265, 7.3.1.1). */
function unescape(bytes: Buffer): Buffer {
  return Buffer.from(bytes.filter((byte, at) => !(byte === 3 && at >= 2 && bytes[at - 1] === 0 && bytes[at - 2] === 0)))
}
