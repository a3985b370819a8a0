import type { IncomingMessage } from 'node:http'
import { addAbortSignal, type Readable, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createFormParser, S3Error, type FormParser } from '../objects/s3rver.ts'
import type { Fields } from './policy.ts'

/** S3's limit for everything before the file. */
const MAX_FIELDS_BYTES = 20_000

export type Form = {
  readonly fields: Fields
  /** Streams the file. Ends after the last byte of the form, so that a truncated form or a second file makes it fail. */
  readonly content: AsyncIterable<Buffer>
}

/**
 * Reads a form up to the start of its file, which is its last field: S3 ignores the fields after it.
 * @throws S3Error `MalformedPOSTRequest`, `MaxPostPreDataLengthExceededError`, `InvalidArgument` for a form without a file
 */
export async function readForm(request: IncomingMessage, signal: AbortSignal): Promise<Form> {
  const parser = openParser(request)
  const fields = new Map<string, string>()
  const { promise, resolve, reject } = Promise.withResolvers<Form>()
  let bytes = 0
  let hasFile = false
  parser.on('field', (name, value, { valueTruncated }) => {
    if (hasFile) return
    bytes += name.length + Buffer.byteLength(value)
    if (valueTruncated || bytes > MAX_FIELDS_BYTES) parser.destroy(fieldsTooLarge())
    fields.set(name.toLowerCase(), value)
  })
  parser.on('file', (name, file) => {
    if (parser.destroyed) return // it still emits what it has read
    hasFile = true
    file.once('error', () => undefined) // the parser reports it too
    if (name === 'file') resolve({ fields, content: readContent(file, parser) })
    else parser.destroy(notOneFile())
  })
  parser.on('filesLimit', () => parser.destroy(notOneFile()))
  parser.once('error', (error) => reject(toFormError(error)))
  parser.once('close', () => reject(notOneFile()))
  addAbortSignal(signal, parser)
  request.pipe(parser)
  return promise
}

/** Reads the rest of a refused request, as S3 does: a browser shows a response only when it could send its whole request. */
export async function drain(request: IncomingMessage): Promise<void> {
  request.unpipe()
  request.resume()
  await finished(request).catch(() => undefined) // the client is gone
}

function openParser(request: IncomingMessage): FormParser {
  try {
    const headers = request.headers as Record<string, string | undefined>
    return createFormParser({ headers, limits: { fieldSize: MAX_FIELDS_BYTES, files: 1 } })
  } catch (cause) {
    throw toFormError(cause)
  }
}

async function* readContent(file: Readable, parser: Writable): AsyncGenerator<Buffer> {
  try {
    yield* file as AsyncIterable<Buffer>
    await finished(parser)
  } catch (error) {
    throw toFormError(error)
  }
}

function toFormError(cause: unknown): unknown {
  if (cause instanceof S3Error || (cause instanceof Error && cause.name === 'AbortError')) return cause
  const message = 'The body of your POST request is not well-formed multipart/form-data.'
  return Object.assign(new S3Error('MalformedPOSTRequest', message), { cause })
}

function notOneFile(): S3Error {
  return new S3Error('InvalidArgument', 'POST requires exactly one file upload per request.', { ArgumentName: 'file' })
}

function fieldsTooLarge(): S3Error {
  const message = 'Your POST request fields preceding the upload file were too large.'
  return new S3Error('MaxPostPreDataLengthExceededError', message)
}
