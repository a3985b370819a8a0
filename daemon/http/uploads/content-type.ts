import type { Config } from '../../config/config.ts'
import { problemError } from '../problem.ts'

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const quoted = String.raw`"(?:[\t !#-\[\]-~]|\\[\t -~])*"`
const mediaType = new RegExp(String.raw`^(?:${token})/(?:${token})(?:[ \t]*;[ \t]*${token}=(?:${token}|${quoted}))*$`)
const MAX_CHARACTERS = 255

/** The content types that a client can state unless `http.uploads.contentTypes` lists others. */
const defaults = [
  'video/*',
  'audio/*',
  'image/*',
  'application/octet-stream',
  'application/mp4',
  'application/ogg',
  'application/mxf',
]

type Allowed = Pick<Config['http']['uploads'], 'contentTypes'>

/**
 * Checks the content type that a client states. Returns it unchanged: the signature covers it, so the client must send
 * exactly this text. A config with a list of content types requires one.
 *
 * @throws HTTPError 415 for a type that is not allowed
 */
export function checkContentType(stated: string | undefined, { contentTypes }: Allowed): string | undefined {
  if (stated === undefined && contentTypes === undefined) return undefined
  const contentType = (stated ?? '').trim()
  const allowed = contentTypes ?? defaults
  const isValid = contentType.length <= MAX_CHARACTERS && mediaType.test(contentType)
  if (isValid && allowed.some((pattern) => matches(toEssence(contentType), pattern))) return contentType
  const [last = '', ...others] = allowed.toReversed()
  const list = others.length === 0 ? last : `${others.toReversed().join(', ')} or ${last}`
  throw problemError({ status: 415, detail: `contentType: must be ${list}`, code: 'request.media_type' })
}

/** `pattern` is a type, or a group of types such as `video/*`. */
function matches(essence: string, pattern: string): boolean {
  return pattern.endsWith('/*') ? essence.startsWith(pattern.slice(0, -1)) : essence === pattern
}

/** Returns the extension for a content type; undefined when it has none that is known. */
export function toExtension(contentType: string | undefined): string | undefined {
  return contentType === undefined ? undefined : extensions.get(toEssence(contentType))
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
