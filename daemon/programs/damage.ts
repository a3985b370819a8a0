import type { Damage } from '../vocabulary/ffmpeg.ts'

export type DamageCounter = {
  /** One line of stderr, of any length and content. */
  see(line: string): void
  read(): Damage
}

/** First those of ffmpeg 7.1 and later: a decoder names its stream in front of every error. */
const brokenPatterns = [
  /^\[[va]?ist#0:(\d+)\/\S+ @ \w+\] \[dec:\S+ @ \w+\] \[error\]/,
  /^\[[va]?ist#0:(\d+)\/.*\[warning\] corrupt decoded frame/,
  /^\[error\] Error while decoding stream #0:(\d+)/,
  /^\[warning\] .*: corrupt decoded frame in stream (\d+)$/,
]
const cutPattern =
  /\] \[(?:error|warning)\] (?:stream \d+, offset 0x[\da-f]+: partial file|File ended prematurely|Packet corrupt \(stream|filesize and duration do not match)/
const holePattern =
  /\] \[(?:error|warning)\] (?:.*invalid as first byte of an EBML number|Unknown-sized element|Continuity check failed|Packet corrupt \(stream|corrupt input packet in stream)/
const disorderPattern = /\[(?:error|warning)\] Non-monoton(?:ous|ic) DTS/
/**
 * A line of its own, whoever ffmpeg says it comes from. A file that could bring ffmpeg to print such a line would have itself
 * coded anew, no more.
 */
export const notePattern = /^(?:\[[^\]]*\] )*\[warning\] (\d{1,3})\.0{6}$/

export function createDamageCounter(): DamageCounter {
  const broken: Record<number, number> = {}
  const notes = new Set<number>()
  let cut = false
  let holes = false
  let disordered = false
  return {
    see(line) {
      const stream = brokenPatterns.map((pattern) => pattern.exec(line)?.[1]).find((index) => index !== undefined)
      if (stream !== undefined) broken[Number(stream)] = (broken[Number(stream)] ?? 0) + 1
      const note = notePattern.exec(line)?.[1]
      if (note !== undefined) notes.add(Number(note))
      cut ||= cutPattern.test(line)
      holes ||= holePattern.test(line)
      disordered ||= disorderPattern.test(line)
    },
    read: () => ({ broken: { ...broken }, cut, holes, disordered, notes: [...notes] }),
  }
}
