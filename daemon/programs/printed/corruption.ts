import type { Corruption } from '../../vocabulary/ffmpeg.ts'
import { printed, type PrintedLine } from './lines.ts'

/** Counts the defects of a source that ffmpeg prints while it reads it. */
export type CorruptionCounter = {
  /** Takes one line of stderr, of any length and content. */
  addLine(line: string): void
  read(): Corruption
}

const lines = {
  undecodable: [printed.streamError, printed.decoderError, printed.corruptFrame, printed.corruptFrameNewer],
  truncated: [printed.partial, printed.ended, printed.corruptPacket, printed.shorterThanHeader],
  gaps: [
    printed.corruptPacket,
    printed.corruptInput,
    printed.corruptInputNewer,
    printed.invalidElement,
    printed.unknownSize,
  ],
  nonMonotonic: [printed.nonMonotonic, printed.nonMonotonicNewer],
} as const

export function createCorruptionCounter(): CorruptionCounter {
  const undecodable: Record<number, number> = {}
  const detections = new Set<number>()
  let truncated = false
  let gaps = false
  let nonMonotonic = false
  let corruptTicks: number | null = null
  return {
    addLine(line) {
      const stream = lines.undecodable
        .map(({ pattern }) => pattern.exec(line)?.[1])
        .find((index) => index !== undefined)
      if (stream !== undefined) undecodable[Number(stream)] = (undecodable[Number(stream)] ?? 0) + 1
      const detection = printed.detection.pattern.exec(line)?.[1]
      if (detection !== undefined) detections.add(Number(detection))
      const ticks = printed.corruptPacket.pattern.exec(line)?.[1]
      if (ticks !== undefined) corruptTicks = ticks === 'NOPTS' ? null : Number(ticks)
      truncated ||= matchesAny(lines.truncated, line)
      gaps ||= matchesAny(lines.gaps, line)
      nonMonotonic ||= matchesAny(lines.nonMonotonic, line)
    },
    read: () => ({
      undecodable: { ...undecodable },
      truncated,
      gaps,
      nonMonotonic,
      corruptTicks,
      detections: [...detections],
    }),
  }
}

function matchesAny(known: readonly PrintedLine[], line: string): boolean {
  return known.some(({ pattern }) => pattern.test(line))
}
