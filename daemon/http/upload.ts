import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { parse, renderProblem } from '../vocabulary/validation.ts'
import { refuse } from './problem.ts'

/** What a client may state about its upload; all of it is optional. */
export type UploadRequest = {
  readonly filename?: string | undefined
  readonly contentType?: string
  readonly sizeBytes?: number
}

const schema = z.strictObject({
  filename: z.string().exactOptional(),
  contentType: z.string().exactOptional(),
  size: z.int({ error: 'must be a whole number of bytes' }).min(1, 'must be at least 1 byte').exactOptional(),
})

/**
 * Checks the body of a request for an upload URL; an empty one states nothing.
 *
 * @throws refusals: 400 for what is no such body, 415 for a type that is no media, 413 for a size above `maxUploadBytes`
 */
export function parseUploadRequest(body: string, maxUploadBytes: number): UploadRequest {
  const parsed = parse(schema, body.trim() === '' ? {} : parseJson(body))
  if (!parsed.ok) throw invalid(parsed.problems.map((problem) => toDetail(renderProblem(problem))).join('; '))
  const { filename, contentType, size } = parsed.data
  if (size !== undefined && size > maxUploadBytes) {
    const detail = `size: ${size} bytes are too many, the limit is ${maxUploadBytes}`
    throw refuse({ status: 413, detail, code: 'request.too_large' })
  }
  return {
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType: checkContentType(contentType) }),
    ...(size === undefined ? {} : { sizeBytes: size }),
  }
}

/**
 * A key no other upload has: `<prefix><uuid>[-<slug>].<extension>`. The filename gives letters and digits only, so it can
 * bring no folder, no control character and no second extension into the key.
 */
export function toUploadKey(prefix: string, { filename = '', contentType }: UploadRequest): string {
  const { stem, extension } = splitExtension(filename)
  const slug = toSlug(stem)
  const known = contentType === undefined ? undefined : extensions.get(toEssence(contentType))
  return `${prefix}${randomUUID()}${slug && `-${slug}`}.${extension ?? known ?? 'mp4'}`
}

const SLUG_CHARACTERS = 48
/** Stores on a file system take about 230 bytes in one name, and results get a prefix of their own. */
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

/** As the client wrote it: it must send the very same text with its upload, the signature covers it. */
function checkContentType(stated: string): string {
  const contentType = stated.trim()
  const isAccepted = contentType.length <= 255 && mediaType.test(contentType) && accepted.test(toEssence(contentType))
  if (isAccepted) return contentType
  const detail =
    'contentType: must be a media type of video/*, audio/*, image/* or application/octet-stream, application/mp4, application/ogg, application/mxf'
  throw refuse({ status: 415, detail, code: 'request.media_type' })
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
    throw invalid('The body is no JSON.')
  }
}

/** Problems of the body as a whole are told of the body, not of a config. */
function toDetail(line: string): string {
  return line.replace(/^config: /, 'The body ')
}

function invalid(detail: string) {
  return refuse({ status: 400, detail, code: 'request.invalid' })
}
