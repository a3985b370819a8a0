import { MediadError } from '../vocabulary/errors.ts'
import { documentSchema, type DocumentDraft, type JobError, type PastAttempt, type Warning } from '../vocabulary/job.ts'

/** Largest number of outputs of one job. */
export const MAX_OUTPUTS = 1000
/** Largest size of a job document as JSON, in bytes. Documents of up to twice this size can be read. */
export const MAX_DOCUMENT_BYTES = 512 * 1024
/** Number of warnings of one attempt that are stored; further ones are only counted. */
export const MAX_WARNINGS = 100

const MAX_CODE = 200
const MAX_MESSAGE = 1000
const MAX_LINES = 20
const MAX_LINE = 500
const MAX_NOTE = 500
/** Largest size of all stored warnings together, because one character can take six bytes in JSON. */
const MAX_WARNINGS_BYTES = 128 * 1024

/** Truncates a text of a plugin for people, such as a warning, to 500 characters. */
export function toBoundedNote(text: string): string {
  return text.slice(0, MAX_NOTE)
}

/** Truncates an error so that it fits into documents and messages, whatever a plugin threw. */
export function toBoundedError({ code, message, stderr = [], ...rest }: JobError): JobError {
  return {
    ...rest,
    code: String(code).slice(0, MAX_CODE),
    message: message.slice(0, MAX_MESSAGE),
    ...(stderr.length > 0 && { stderr: stderr.slice(-MAX_LINES).map((line) => line.slice(0, MAX_LINE)) }),
  }
}

/** Collects the warnings of one attempt. */
export type Warnings = {
  /** Adds a warning. Returns all stored ones, with a last entry that counts those that were left out. */
  add(warning: Warning): readonly Warning[]
}

/** Creates an empty, bounded collection of warnings. */
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

/**
 * Checks that a job with `count` outputs can have one more.
 *
 * @throws MediadError `output.too_many`
 */
export function assertRoomForOutput(count: number): void {
  if (count < MAX_OUTPUTS) return
  const message = `the chain makes more than ${MAX_OUTPUTS} outputs: make fewer files, or combine several into one`
  throw new MediadError('output.too_many', message)
}

/** Created once: zod compiles a schema when it is first used. */
const draftSchema = documentSchema.omit({ rev: true, nonce: true })

/**
 * Reduces a draft to the largest size of a document: removes the output of programs from the history, that of the
 * oldest attempts first. Only the outputs can make a draft too large, because everything else in it is bounded.
 *
 * @throws MediadError `output.too_many`, `document.too_large`; `internal.plugin` for a draft that is not valid
 */
export function toFittingDraft(draft: DocumentDraft): DocumentDraft {
  assertRoomForOutput(draft.outputs.length - 1)
  const parsed = draftSchema.safeParse(JSON.parse(JSON.stringify(draft)))
  if (!parsed.success) throw invalidDraft(draft.id, parsed.error.issues)
  let bytes = toBytes(draft)
  const history = [...draft.history]
  for (const [index, past] of history.entries()) {
    if (bytes <= LIMIT) break
    const reduced = withoutStderr(past)
    bytes -= toBytes(past) - toBytes(reduced)
    history[index] = reduced
  }
  if (bytes > LIMIT) throw tooLarge(draft, bytes)
  return { ...draft, history }
}

/** Removes the output of programs from the error of an attempt. */
export function withoutStderr(past: PastAttempt): PastAttempt {
  const { stderr: _, ...error } = past.error
  return { ...past, error }
}

/** Leaves room for `rev` and `nonce`, which every write adds. */
const LIMIT = MAX_DOCUMENT_BYTES - 200

const toBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

function tooLarge({ id, outputs }: DocumentDraft, bytes: number): MediadError {
  const size = `the document of job ${id} would have ${bytes} bytes with its ${outputs.length} outputs`
  const message = `${size}, more than ${MAX_DOCUMENT_BYTES}: make fewer outputs, or give them shorter keys`
  return new MediadError('document.too_large', message)
}

function invalidDraft(id: string, issues: readonly { path: readonly PropertyKey[]; message: string }[]): MediadError {
  const [{ path, message } = { path: [], message: '' }] = issues
  const field = path.map(String).join('.')
  return new MediadError('internal.plugin', `the document of job ${id} would not be valid: ${field}: ${message}`)
}
