import { MediadError } from '../vocabulary/errors.ts'
import { documentSchema, type DocumentDraft, type JobError, type PastAttempt, type Warning } from '../vocabulary/job.ts'

/** Outputs of one job. */
export const MAX_OUTPUTS = 1000
/** A job document as JSON, in bytes. Documents are read back up to twice this size. */
export const MAX_DOCUMENT_BYTES = 512 * 1024
/** Warnings of one job that are kept; further ones are counted. */
export const MAX_WARNINGS = 100

const MAX_CODE = 200
const MAX_MESSAGE = 1000
const MAX_LINES = 20
const MAX_LINE = 500
const MAX_NOTE = 500
/** A character can take six bytes in JSON: the kept warnings are bounded together, too. */
const MAX_WARNINGS_BYTES = 128 * 1024

/** Cuts a text that a plugin gave for people to read, such as a warning, to 500 characters. */
export function toBoundedNote(text: string): string {
  return text.slice(0, MAX_NOTE)
}

/** Cuts an error to what documents and messages have room for, whatever a plugin threw. */
export function toBoundedError({ code, message, stderr = [], ...rest }: JobError): JobError {
  return {
    ...rest,
    code: String(code).slice(0, MAX_CODE),
    message: message.slice(0, MAX_MESSAGE),
    ...(stderr.length > 0 && { stderr: stderr.slice(-MAX_LINES).map((line) => line.slice(0, MAX_LINE)) }),
  }
}

/** The warnings of one attempt, bounded. */
export type Warnings = {
  /** Adds one, and returns all that are kept, with a last entry that counts the others. */
  add(warning: Warning): readonly Warning[]
}

export function createWarnings(): Warnings {
  const kept: Warning[] = []
  let bytes = 0
  let more = 0
  return {
    add({ plugin, message }) {
      const warning = { plugin, message: toBoundedNote(message) }
      bytes += toBytes(warning)
      if (more === 0 && kept.length < MAX_WARNINGS && bytes <= MAX_WARNINGS_BYTES) kept.push(warning)
      else more++
      if (more === 0) return [...kept]
      return [...kept, { plugin: 'mediad', message: `${more} more ${more === 1 ? 'warning' : 'warnings'} left out` }]
    },
  }
}

/** @throws MediadError `output.too_many` when a job has so many outputs that one more is too many */
export function assertRoomForOutput(count: number): void {
  if (count < MAX_OUTPUTS) return
  const message = `the chain makes more than ${MAX_OUTPUTS} outputs: make fewer files, or put several into one`
  throw new MediadError('output.too_many', message)
}

/**
 * Makes a draft fit: the output of programs in the history goes first, that of the oldest attempts before that of later
 * ones. Without outputs every draft fits, whatever a plugin does: everything else in it is bounded.
 *
 * @throws MediadError `output.too_many`, `document.too_large`; `internal.plugin` when the document could not be read back
 */
export function toFittingDraft(draft: DocumentDraft): DocumentDraft {
  assertRoomForOutput(draft.outputs.length - 1)
  const parsed = documentSchema.omit({ rev: true, nonce: true }).safeParse(JSON.parse(JSON.stringify(draft)))
  if (!parsed.success) throw unreadable(draft.id, parsed.error.issues)
  let bytes = toBytes(draft)
  const history = [...draft.history]
  for (const [index, past] of history.entries()) {
    if (bytes <= LIMIT) break
    const shorter = withoutStderr(past)
    bytes -= toBytes(past) - toBytes(shorter)
    history[index] = shorter
  }
  if (bytes > LIMIT) throw tooLarge(draft, bytes)
  return { ...draft, history }
}

/** Removes what programs printed. */
export function withoutStderr(past: PastAttempt): PastAttempt {
  const { stderr: _, ...error } = past.error
  return { ...past, error }
}

/** Room for `rev` and `nonce`, which every write adds. */
const LIMIT = MAX_DOCUMENT_BYTES - 200

const toBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

function tooLarge({ id, outputs }: DocumentDraft, bytes: number): MediadError {
  const what = `the document of job ${id} would have ${bytes} bytes with its ${outputs.length} outputs`
  const message = `${what}, more than ${MAX_DOCUMENT_BYTES}: make fewer outputs, or give them shorter keys`
  return new MediadError('document.too_large', message)
}

function unreadable(id: string, issues: readonly { path: readonly PropertyKey[]; message: string }[]): MediadError {
  const [{ path, message } = { path: [], message: '' }] = issues
  const what = `the document of job ${id} could not be read back, because of ${path.map(String).join('.')}`
  return new MediadError('internal.plugin', `${what}: ${message}`)
}
