import { stripVTControlCharacters } from 'node:util'
import { MediadError, type ErrorCode } from '../vocabulary/errors.ts'
import { notePattern } from './damage.ts'

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
    if (text === '' || chatter.test(text) || notePattern.test(text)) return
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

/** Encoders print their settings whatever `-loglevel` says, and every JPEG has the "deprecated" pixel format. */
const chatter = /^(?:Svt\[info\]|x26[45] \[info\])|deprecated pixel format used/

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
  readonly pattern: RegExp
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
 * What ffmpeg and ffprobe say and what it means; the first rule that any line matches wins. The texts are those of
 * ffmpeg 5.1 to 7.1; machine trouble comes before what it makes of the file, and the file's trouble from special to
 * general. `$1` in a message is what the pattern caught.
 */
const rules: readonly Rule[] = [
  // ffmpeg goes on to say that it could not allocate memory for one more
  {
    pattern: /Number of streams exceeds max_streams parameter \((\d+)\)/,
    code: 'input.too_many_streams',
    message: 'the file has more than $1 streams: upload one with fewer, or raise limits.streams',
    holds: () => true,
  },
  {
    pattern: /: No space left on device$/,
    code: 'resource.disk',
    message: 'the disk is full',
    holds: ({ writes }) => writes,
  },
  {
    pattern:
      /Cannot allocate memory|failed to map segment from shared object|malloc of size \d+ failed|allocate memory failed|memory allocation failure/,
    code: 'resource.memory',
    message: 'ffmpeg ran out of memory',
    holds: () => true,
  },
  {
    pattern: /Too many open files|Resource temporarily unavailable$/,
    code: 'resource.memory',
    message: 'this machine has run out of processes, threads or open files',
    holds: () => true,
  },
  {
    pattern: /Unknown encoder '([^']*)'/,
    code: 'config.ffmpeg',
    message: 'this ffmpeg has no encoder $1: install an ffmpeg that has it, or configure another codec',
    holds: ({ lacks }, name) => lacks('encoder', name),
  },
  {
    pattern: /No such filter: '([^']*)'/,
    code: 'config.ffmpeg',
    message: 'this ffmpeg has no filter $1: install an ffmpeg that has it, or change the options that need it',
    holds: ({ lacks }, name) => lacks('filter', name),
  },
  {
    pattern: /(?:Format|Protocol '[^']*') not on whitelist/,
    code: 'input.not_media',
    message: 'the file is in a format that is not accepted, such as a playlist',
  },
  {
    pattern: /detected only with low score of/,
    code: 'input.not_media',
    message: 'the file is not recognised as audio or video',
  },
  {
    pattern: /Picture size ([1-9]\d*x[1-9]\d*) (?:exceeds specified max pixel count|is invalid)/,
    code: 'input.too_many_pixels',
    message: 'its pictures are too large: $1',
  },
  {
    // bwdif's words, of a picture that was larger in the beginning
    pattern: /Video (?:with planes|of) less than .* is not supported/,
    code: 'input.corrupt',
    message: 'its pictures become too small on the way',
  },
  {
    pattern: /(?:Decoder \(codec |no decoder found for: )(\w+)/,
    code: 'input.unsupported_codec',
    message: 'the file is coded as $1, which this ffmpeg cannot decode',
  },
  {
    pattern: /\[(\w+) @ \w+\].* is not implemented\. Update your FFmpeg/,
    code: 'input.unsupported_codec',
    message: 'the file uses a variant of $1 that this ffmpeg cannot decode',
  },
  {
    pattern: /File ended prematurely|offset 0x[\da-f]+: partial file/,
    code: 'input.truncated',
    message: 'the file ends too early: the upload was incomplete',
  },
  {
    pattern: /moov atom not found/,
    code: 'input.corrupt',
    message: 'the file has no index: it is incomplete or damaged',
  },
  {
    pattern:
      /^(?:\[[^\]]*\] )*(?:file:.*|Error opening input): (?:Invalid data found when processing input|Invalid argument)$/,
    code: 'input.not_media',
    message: 'the file is not recognised as audio or video',
  },
  {
    pattern:
      /Error while decoding stream|Error submitting (?:a )?packet to (?:the )?decoder|Decoding error:|Decode error rate \S+ exceeds/i,
    code: 'input.corrupt',
    message: 'the file is damaged or encrypted: too much of it cannot be decoded',
  },
  {
    pattern:
      /Cannot determine format of input|Could not find codec parameters|Could not open codec for input stream|matches no streams/,
    code: 'input.corrupt',
    message: 'the file is damaged: nothing in it can be decoded',
  },
]

/** What the last lines of a failed ffmpeg or ffprobe say; null when no rule knows them. */
export function classify(lines: readonly string[], facts: Facts = reader): { code: ErrorCode; message: string } | null {
  for (const { pattern, code, message, holds } of rules) {
    for (const line of lines) {
      const match = pattern.exec(line)
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
