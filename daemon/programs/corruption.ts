import type { Corruption } from '../vocabulary/ffmpeg.ts'
import { printed, type PrintedLine } from './printed-lines.ts'

export type CorruptionCounter = {
  /** One line of stderr, of any length and content. */
  see(line: string): void
  read(): Corruption
}

const lines = {
  undecodable: [printed.streamError, printed.decoderError, printed.corruptFrame, printed.corruptFrameOf],
  truncated: [printed.partial, printed.ended, printed.corruptPacket, printed.shorterThanHeader],
  gaps: [printed.corruptPacket, printed.corruptInput, printed.corruptInputOf, printed.noElement, printed.unknownSize],
  nonMonotonic: [printed.disorder, printed.disorderOf],
} as const

export function createCorruptionCounter(): CorruptionCounter {
  const undecodable: Record<number, number> = {}
  const detections = new Set<number>()
  let truncated = false
  let gaps = false
  let nonMonotonic = false
  return {
    see(line) {
      const stream = lines.undecodable
        .map(({ pattern }) => pattern.exec(line)?.[1])
        .find((index) => index !== undefined)
      if (stream !== undefined) undecodable[Number(stream)] = (undecodable[Number(stream)] ?? 0) + 1
      const note = printed.note.pattern.exec(line)?.[1]
      if (note !== undefined) detections.add(Number(note))
      truncated ||= isOneOf(lines.truncated, line)
      gaps ||= isOneOf(lines.gaps, line)
      nonMonotonic ||= isOneOf(lines.nonMonotonic, line)
    },
    read: () => ({ undecodable: { ...undecodable }, truncated, gaps, nonMonotonic, detections: [...detections] }),
  }
}

function isOneOf(known: readonly PrintedLine[], line: string): boolean {
  return known.some(({ pattern }) => pattern.test(line))
}
