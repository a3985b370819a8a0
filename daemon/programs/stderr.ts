import { stripVTControlCharacters } from 'node:util'
import { MediadError, type ErrorCode } from '../vocabulary/errors.ts'
import { printed, type PrintedLine } from './printed-lines.ts'

const LINES = 20
const LINE_LENGTH = 500

/** The end of what a program prints, in bounded memory whatever it prints. */
export type Tail = {
  write(chunk: string): void
  /** The last lines, without control characters. */
  lines(): string[]
}

/**
 * Keeps the last 20 lines, 500 characters of each; a flood without a line end costs no more memory than one line.
 * `onLine` gets the beginning of every line, as it came.
 */
export function createTail(onLine: (line: string) => void = () => undefined): Tail {
  const kept: string[] = []
  let open = ''
  const keep = (line: string) => {
    const text = clean(line)
    if (text === '' || silenced.some(({ pattern }) => pattern.test(text))) return
    kept.push(text)
    if (kept.length > LINES) kept.shift()
  }
  return {
    write(chunk) {
      const lines = (open + chunk).split(/[\r\n]+/)
      open = (lines.pop() ?? '').slice(0, LINE_LENGTH)
      for (const line of lines) onLine(line.slice(0, LINE_LENGTH))
      for (const line of lines.slice(-2 * LINES)) keep(line)
    },
    lines() {
      const last = clean(open)
      return last === '' ? [...kept] : [...kept, last].slice(-LINES)
    },
  }
}

const silenced: readonly PrintedLine[] = [
  printed.svtAv1Settings,
  printed.x265Settings,
  printed.deprecatedFormat,
  printed.note,
]

/** No control, format or unassigned characters: the lines go into logs, terminals and documents. */
function clean(line: string): string {
  const plain = stripVTControlCharacters(line.slice(0, LINE_LENGTH))
  return plain.replaceAll('\t', ' ').replace(/\p{C}/gu, '').trimEnd()
}

/** What is known of a program, whatever it says. */
export type Facts = {
  lacks(kind: 'encoder' | 'filter', name: string): boolean
  /** Whether it writes files. */
  readonly writes: boolean
}

/** It lacks nothing that it was asked for, and only reads. */
const reader: Facts = { lacks: () => false, writes: false }

type Rule = {
  readonly lines: readonly PrintedLine[]
  readonly code: ErrorCode
  readonly message: string
  /**
   * What the rule claims is believed only of a line that is no warning, and only when this holds. ffmpeg repeats texts of a
   * file in its warnings, line ends and all: a file can say anything here. (One with line ends in the right place can still
   * pass for a lack of memory, and be tried again for it.)
   */
  readonly holds?: (facts: Facts, caught: string) => boolean
}

/**
 * What the lines of ffmpeg and ffprobe mean; the first rule that any line matches wins. Machine trouble comes before what it
 * makes of the file, and the file's trouble from special to general. `$1` in a message is what the pattern caught.
 */
const rules: readonly Rule[] = [
  // ffmpeg goes on to say that it could not allocate memory for one more
  {
    lines: [printed.tooManyStreams, printed.tooManyTracks],
    code: 'input.too_many_streams',
    message: 'the file has $1 streams or more: upload one with fewer, or raise limits.streams',
    holds: () => true,
  },
  {
    lines: [printed.diskFull],
    code: 'resource.disk',
    message: 'the disk is full',
    holds: ({ writes }) => writes,
  },
  {
    lines: [
      printed.noMemory,
      printed.noMemoryForLibraries,
      printed.noMemoryForX264,
      printed.noMemoryForSvtAv1,
      printed.noMemoryForX265,
    ],
    code: 'resource.memory',
    message: 'ffmpeg ran out of memory',
    holds: () => true,
  },
  {
    lines: [printed.noFileHandle, printed.noFileHandleForLibraries, printed.noThread],
    code: 'resource.memory',
    message: 'this machine has run out of processes, threads or open files',
    holds: () => true,
  },
  {
    lines: [printed.noEncoder],
    code: 'config.ffmpeg',
    message: 'this ffmpeg has no encoder $1: install an ffmpeg that has it, or configure another codec',
    holds: ({ lacks }, name) => lacks('encoder', name),
  },
  {
    lines: [printed.noFilter],
    code: 'config.ffmpeg',
    message: 'this ffmpeg has no filter $1: install an ffmpeg that has it, or change the options that need it',
    holds: ({ lacks }, name) => lacks('filter', name),
  },
  {
    lines: [printed.formatRefused, printed.protocolRefused],
    code: 'input.not_media',
    message: 'the file is in a format that is not accepted, such as a playlist',
  },
  {
    lines: [printed.lowScore],
    code: 'input.not_media',
    message: 'the file is not recognised as audio or video',
  },
  {
    lines: [printed.tooManyPixels, printed.sizeInvalid],
    code: 'input.too_many_pixels',
    message: 'its pictures are too large: $1',
  },
  {
    // bwdif's words, of a picture that was larger in the beginning
    lines: [printed.tooSmallToDeinterlace],
    code: 'input.corrupt',
    message: 'its pictures become too small on the way',
  },
  {
    lines: [printed.noDecoder, printed.noDecoderFor],
    code: 'input.unsupported_codec',
    message: 'the file is coded as $1, which this ffmpeg cannot decode',
  },
  {
    lines: [printed.notImplemented],
    code: 'input.unsupported_codec',
    message: 'the file uses a variant of $1 that this ffmpeg cannot decode',
  },
  {
    lines: [printed.endedEarly, printed.partialFile],
    code: 'input.truncated',
    message: 'the file ends too early: the upload was incomplete',
  },
  {
    lines: [printed.noIndex],
    code: 'input.corrupt',
    message: 'the file has no index: it is incomplete or damaged',
  },
  {
    lines: [printed.notMedia, printed.notMediaInFfmpeg],
    code: 'input.not_media',
    message: 'the file is not recognised as audio or video',
  },
  {
    lines: [printed.decodingFailed, printed.packetRefused, printed.frameRefused, printed.tooManyErrors],
    code: 'input.corrupt',
    message: 'the file is damaged or encrypted: too much of it cannot be decoded',
  },
  {
    lines: [printed.noFormat, printed.noParameters, printed.noParser, printed.noStream],
    code: 'input.corrupt',
    message: 'the file is damaged: nothing in it can be decoded',
  },
]

/** What the last lines of a failed ffmpeg or ffprobe say; null when no rule knows them. */
export function classify(lines: readonly string[], facts: Facts = reader): { code: ErrorCode; message: string } | null {
  for (const { lines: known, code, message, holds } of rules) {
    for (const line of lines) {
      const match = known.map(({ pattern }) => pattern.exec(line)).find((found) => found !== null)
      if (!match || (holds && (warning.test(line) || !holds(facts, match[1] ?? '')))) continue
      return { code, message: message.replace('$1', () => match[1] ?? '') }
    }
  }
  return null
}

const warning = /^(?:\[[^\]]* @ 0x[\da-f]+\] )*\[warning\]/

/** The error for a program that ended with an exit code, by what it printed; `fallback` when that says nothing. */
export function toExitError(end: {
  program: string
  exitCode: number
  lines: readonly string[]
  facts: Facts
  fallback: ErrorCode
}): MediadError {
  const known = classify(end.lines, end.facts)
  const last = end.lines.at(-1)
  const unknown = `${end.program} failed with exit code ${end.exitCode}${last === undefined ? '' : `: ${last}`}`
  return new MediadError(known?.code ?? end.fallback, known?.message ?? unknown, { stderr: end.lines })
}
