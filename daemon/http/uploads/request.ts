import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { parse, renderProblem } from '../../vocabulary/validation/validation.ts'
import { problemError } from '../problem.ts'

/** The properties that a client can state for its upload; all are optional. */
export type UploadRequest = {
  readonly filename?: string | undefined
  readonly contentType?: string
  readonly sizeBytes?: number
}

const schema = z.strictObject({
  filename: z.string().exactOptional(),
  contentType: z.string().exactOptional(),
  size: z.int({ error: 'must be an integer number of bytes' }).min(1, 'must be at least 1 byte').exactOptional(),
})

/**
 * Parses the body of a request for an upload URL. An empty body is valid.
 *
 * @throws HTTPError 400 for an invalid body, 415 for a type that is not a media type, 413 for a size above `maxUploadBytes`
 */
export function parseUploadRequest(body: string, maxUploadBytes: number): UploadRequest {
  const parsed = parse(schema, body.trim() === '' ? {} : parseJson(body))
  if (!parsed.ok) throw invalidBody(parsed.problems.map((problem) => toDetail(renderProblem(problem))).join('; '))
  const { filename, contentType, size } = parsed.data
  if (size !== undefined && size > maxUploadBytes) {
    const detail = `size: ${size} bytes exceed the limit of ${maxUploadBytes} bytes`
    throw problemError({ status: 413, detail, code: 'request.too_large' })
  }
  return {
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType: checkContentType(contentType) }),
    ...(size === undefined ? {} : { sizeBytes: size }),
  }
}

/**
 * Creates a unique key: `<prefix><uuid>[-<slug>].<extension>`. Only letters and digits of the filename are used, so it
 * cannot add a folder, a control character or a second extension to the key.
 */
export function toUploadKey(prefix: string, { filename = '', contentType }: UploadRequest): string {
  const { stem, extension } = splitExtension(filename)
  const slug = toSlug(stem)
  const known = contentType === undefined ? undefined : extensions.get(toEssence(contentType))
  return `${prefix}${randomUUID()}${slug && `-${slug}`}.${extension ?? known ?? 'mp4'}`
}

const SLUG_CHARACTERS = 48
/** Stores on a file system allow about 230 bytes per name, and the keys of results have a longer prefix. */
const SLUG_BYTES = 144

function toSlug(name: string): string {
  const runs = name.normalize('NFC').replaceAll(/[^\p{L}\p{N}\p{M}]+/gu, '-')
  let slug = ''
  for (const character of [...runs.replaceAll(/^-+|-+$/g, '')].slice(0, SLUG_CHARACTERS)) {
    if (Buffer.byteLength(slug + character) > SLUG_BYTES) break
    slug += character
  }
  return slug.replace(/-+$/, '')
}

function splitExtension(filename: string): { stem: string; extension: string | null } {
  const match = /^(.*[^/\\])\.([a-z0-9]{1,8})$/is.exec(filename)
  if (match?.[1] === undefined || match[2] === undefined) return { stem: filename, extension: null }
  return { stem: match[1], extension: match[2].toLowerCase() }
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const quoted = String.raw`"(?:[\t !#-\[\]-~]|\\[\t -~])*"`
const mediaType = new RegExp(String.raw`^(?:${token})/(?:${token})(?:[ \t]*;[ \t]*${token}=(?:${token}|${quoted}))*$`)
const accepted = /^(?:(?:video|audio|image)\/.+|application\/(?:octet-stream|mp4|ogg|mxf))$/

/** Returns the content type unchanged: the signature covers it, so the client must send exactly this text. */
function checkContentType(stated: string): string {
  const contentType = stated.trim()
  const isAccepted = contentType.length <= 255 && mediaType.test(contentType) && accepted.test(toEssence(contentType))
  if (isAccepted) return contentType
  const detail =
    'contentType: must be video/*, audio/*, image/*, application/octet-stream, application/mp4, application/ogg or application/mxf'
  throw problemError({ status: 415, detail, code: 'request.media_type' })
}

function toEssence(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase()
}

const extensions = new Map([
  ['video/mp4', 'mp4'],
  ['video/x-m4v', 'm4v'],
  ['video/quicktime', 'mov'],
  ['video/webm', 'webm'],
  ['video/x-matroska', 'mkv'],
  ['video/matroska', 'mkv'],
  ['video/x-msvideo', 'avi'],
  ['video/x-ms-wmv', 'wmv'],
  ['video/x-flv', 'flv'],
  ['video/mpeg', 'mpg'],
  ['video/mp2t', 'ts'],
  ['video/ogg', 'ogv'],
  ['video/3gpp', '3gp'],
  ['video/3gpp2', '3g2'],
  ['audio/mpeg', 'mp3'],
  ['audio/mp4', 'm4a'],
  ['audio/x-m4a', 'm4a'],
  ['audio/aac', 'aac'],
  ['audio/wav', 'wav'],
  ['audio/x-wav', 'wav'],
  ['audio/flac', 'flac'],
  ['audio/x-flac', 'flac'],
  ['audio/ogg', 'ogg'],
  ['audio/opus', 'opus'],
  ['audio/webm', 'webm'],
  ['image/jpeg', 'jpg'],
  ['image/png', 'png'],
  ['image/gif', 'gif'],
  ['image/webp', 'webp'],
  ['image/avif', 'avif'],
  ['application/ogg', 'ogg'],
  ['application/mxf', 'mxf'],
])

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw invalidBody('The body is not valid JSON.')
  }
}

/** Makes problems of the entire value refer to the body; the validator is shared with the config and calls it "config". */
function toDetail(line: string): string {
  return line.replace(/^config: /, 'The body ')
}

function invalidBody(detail: string) {
  return problemError({ status: 400, detail, code: 'request.invalid' })
}
