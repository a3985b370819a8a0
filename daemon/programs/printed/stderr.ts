import { stripVTControlCharacters } from 'node:util'
import { MediadError, type ErrorCode } from '../../vocabulary/errors.ts'
import { findHardwareFailure, hardwareFailure } from '../hardware.ts'
import { printed, type PrintedLine } from './lines.ts'

const LINES = 20
const LINE_LENGTH = 500

/** Keeps the last lines that a program prints, in bounded memory. */
export type Tail = {
  write(chunk: string): void
  /** Returns the last lines, without control characters. */
  lines(): string[]
}

/**
 * Creates a {@link Tail} of 20 lines with 500 characters each. Output without line ends takes no more memory than one line.
 * `onLine` is called with the first 500 characters of every line, control characters included.
 */
export function createTail(onLine: (line: string) => void = () => undefined): Tail {
  const kept: string[] = []
  let open = ''
  const keep = (line: string) => {
    const text = clean(line)
    if (text === '' || ignored.some(({ pattern }) => pattern.test(text))) return
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

const ignored: readonly PrintedLine[] = [
  printed.svtAv1Settings,
  printed.x265Settings,
  printed.deprecatedFormat,
  printed.detection,
]

/** Removes control, format and unassigned characters: the lines go into logs, terminals and job documents. */
function clean(line: string): string {
  const plain = stripVTControlCharacters(line.slice(0, LINE_LENGTH))
  return plain.replaceAll('\t', ' ').replace(/\p{C}/gu, '').trimEnd()
}

/** Facts about a program that are known independently of what it prints. */
export type Facts = {
  /** Whether the program has no such encoder or filter. */
  lacks(kind: 'encoder' | 'filter', name: string): boolean
  /** Whether the program writes files. */
  readonly writes: boolean
  /** Whether the program encodes on a GPU. */
  readonly usesHardware?: boolean
}

/** A program that only reads and lacks nothing. */
const reader: Facts = { lacks: () => false, writes: false }

type Rule = {
  readonly lines: readonly PrintedLine[]
  readonly code: ErrorCode
  readonly message: string
  /**
   * When set, the rule applies only to lines that are not warnings and only when this returns true. ffmpeg prints text from
   * the source, including line ends, in its warnings, so a source can forge lines. (A source with line ends in the right
   * place can still forge a lack of memory; its job is then retried.)
   */
  readonly holds?: (facts: Facts, caught: string) => boolean
}

/**
 * Maps lines of ffmpeg and ffprobe to errors. The first rule that matches any line wins. Rules for the machine come before
 * rules for the file, because a lack of resources can look like a corrupt file; specific rules come before general ones. `$1`
 * in a message is the first group of the pattern.
 */
const rules: readonly Rule[] = [
  // first: ffmpeg also prints that it could not allocate memory for one stream more
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
    message: 'the frames are too large: $1',
  },
  {
    // printed by bwdif when the resolution changes mid-stream
    lines: [printed.tooSmallToDeinterlace],
    code: 'input.corrupt',
    message: 'the resolution changes mid-stream to one that is too small to deinterlace',
  },
  {
    lines: [printed.noDecoder, printed.noDecoderNewer],
    code: 'input.unsupported_codec',
    message: 'the file uses codec $1, which this ffmpeg cannot decode',
  },
  {
    lines: [printed.notImplemented],
    code: 'input.unsupported_codec',
    message: 'the file uses a variant of $1 that this ffmpeg cannot decode',
  },
  {
    lines: [printed.endedEarly, printed.partialFile],
    code: 'input.truncated',
    message: 'the file is truncated: upload it again',
  },
  {
    lines: [printed.noIndex],
    code: 'input.corrupt',
    message: 'the file has no index (moov): it is truncated or corrupt',
  },
  {
    lines: [printed.notMedia, printed.notMediaInFfmpeg],
    code: 'input.not_media',
    message: 'the file is not recognised as audio or video',
  },
  {
    lines: [printed.decodingFailed, printed.packetRefused, printed.frameRefused, printed.tooManyErrors],
    code: 'input.corrupt',
    message: 'the file is corrupt or encrypted: too much of it cannot be decoded',
  },
  {
    lines: [printed.noFormat, printed.noParameters, printed.noParser, printed.noStream],
    code: 'input.corrupt',
    message: 'the file is corrupt: nothing in it can be decoded',
  },
]

type Known = { readonly code: ErrorCode; readonly message: string }

/** Returns the error for the last lines of a failed ffmpeg or ffprobe; null when no rule matches. */
export function classify(lines: readonly string[], facts: Facts = reader): Known | null {
  const hardware = facts.usesHardware === true ? classifyHardware(lines) : null
  if (hardware !== null) return hardware
  for (const { lines: known, code, message, holds } of rules) {
    for (const line of lines) {
      const match = known.map(({ pattern }) => pattern.exec(line)).find((found) => found !== null)
      if (!match || (holds && (warning.test(line) || !holds(facts, match[1] ?? '')))) continue
      return { code, message: message.replace('$1', () => match[1] ?? '') }
    }
  }
  return null
}

/** Lines of a machine that lacks disk space or memory, which an encoder also reports as its own failure afterwards. */
const exhausted: readonly PrintedLine[] = [printed.diskFull, printed.noMemory, printed.noFileHandle, printed.noThread]

/** Returns the error of a hardware encoder or its device, unless the machine ran out of something before it. */
function classifyHardware(lines: readonly string[]): Known | null {
  const cause = lines.find((line) => hardwareFailure.test(line) || isExhaustion(line))
  const text = cause === undefined ? undefined : findHardwareFailure([cause])
  return text === undefined ? null : { code: 'resource.hardware', message: `the hardware encoder failed: ${text}` }
}

const isExhaustion = (line: string): boolean =>
  !warning.test(line) && exhausted.some(({ pattern }) => pattern.test(line))

const warning = /^(?:\[[^\]]* @ 0x[\da-f]+\] )*\[warning\]/

/** Matches what ffmpeg, x265 and SVT-AV1 print at the levels of errors. */
const failure = /^(?:\[[^\]]* @ 0x[\da-f]+\] )*(?:x265 |Svt)?\[(?:error|fatal|panic)\]/

/** Returns the error for a program that failed with an exit code, by the lines it printed; `fallback` when no rule matches. */
export function toExitError(end: {
  program: string
  exitCode: number
  lines: readonly string[]
  facts: Facts
  fallback: ErrorCode
}): MediadError {
  const known = classify(end.lines, end.facts)
  // the first error causes those after it, and the last one only says that the run failed
  const cause = end.lines.find((line) => failure.test(line)) ?? end.lines.at(-1)
  const unknown = `${end.program} failed with exit code ${end.exitCode}${cause === undefined ? '' : `: ${cause}`}`
  return new MediadError(known?.code ?? end.fallback, known?.message ?? unknown, { stderr: end.lines })
}
