import { randomUUID } from 'node:crypto'
import { DEFAULT_KEY, withoutSlug } from '../../config/http.ts'
import { problemError } from '../problem.ts'
import { toExtension } from './content-type.ts'

type Named = { readonly filename?: string | undefined; readonly contentType?: string | undefined }
type KeyRules = { readonly key?: string; readonly extensions?: readonly string[] | undefined }

/**
 * Creates a unique key from a template, `{uuid}-{slug}.{ext}` by default. Only letters and digits of the filename are used,
 * so it cannot add a folder, a control character or a second extension to the key. Without a slug, the separator before it
 * is left out.
 *
 * @throws HTTPError 415 when the extension is not one of `extensions`
 */
export function toUploadKey(prefix: string, { filename = '', contentType }: Named, rules: KeyRules = {}): string {
  const { key: template = DEFAULT_KEY, extensions } = rules
  const { stem, extension: own } = splitExtension(filename)
  const extension = own ?? toExtension(contentType) ?? 'mp4'
  if (extensions !== undefined && !extensions.includes(extension)) throw extensionError(extensions)
  const slug = toSlug(stem)
  const values: Record<string, string> = {
    uuid: randomUUID(),
    slug,
    ext: extension,
    date: new Date().toISOString().slice(0, 10),
  }
  const used = slug === '' ? withoutSlug(template) : template
  return prefix + used.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
}

function extensionError(extensions: readonly string[]) {
  const detail = `filename: the extension must be one of ${extensions.join(', ')}`
  return problemError({ status: 415, detail, code: 'request.media_type' })
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
