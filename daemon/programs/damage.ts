import type { Damage } from '../vocabulary/ffmpeg.ts'
import { printed, type PrintedLine } from './printed-lines.ts'

export type DamageCounter = {
  /** One line of stderr, of any length and content. */
  see(line: string): void
  read(): Damage
}

const lines = {
  broken: [printed.streamError, printed.decoderError, printed.corruptFrame, printed.corruptFrameOf],
  cut: [printed.partial, printed.ended, printed.corruptPacket, printed.shorterThanHeader],
  holes: [printed.corruptPacket, printed.corruptInput, printed.corruptInputOf, printed.noElement, printed.unknownSize],
  disordered: [printed.disorder, printed.disorderOf],
} as const

export function createDamageCounter(): DamageCounter {
  const broken: Record<number, number> = {}
  const notes = new Set<number>()
  let cut = false
  let holes = false
  let disordered = false
  return {
    see(line) {
      const stream = lines.broken.map(({ pattern }) => pattern.exec(line)?.[1]).find((index) => index !== undefined)
      if (stream !== undefined) broken[Number(stream)] = (broken[Number(stream)] ?? 0) + 1
      const note = printed.note.pattern.exec(line)?.[1]
      if (note !== undefined) notes.add(Number(note))
      cut ||= isOneOf(lines.cut, line)
      holes ||= isOneOf(lines.holes, line)
      disordered ||= isOneOf(lines.disordered, line)
    },
    read: () => ({ broken: { ...broken }, cut, holes, disordered, notes: [...notes] }),
  }
}

function isOneOf(known: readonly PrintedLine[], line: string): boolean {
  return known.some(({ pattern }) => pattern.test(line))
}
