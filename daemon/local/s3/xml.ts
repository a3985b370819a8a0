import type { IncomingMessage } from 'node:http'
import { S3Error, type Middleware } from '../objects/s3rver.ts'

const MAX_BODY_BYTES = 4 * 1024 * 1024
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * Reads the body of a request as text.
 * @throws S3Error `MalformedXML` above 4 MiB; 10,000 parts or 1,000 long keys need less.
 */
export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  if (bytes > MAX_BODY_BYTES) throw malformed()
  return Buffer.concat(chunks).toString()
}

/** Returns the inner XML of every element called `name`. Sufficient for the two flat documents that S3 clients send. */
export function findElements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>(.*?)</${name}>`, 'gs'))].map(([, inner = '']) => inner)
}

/**
 * Returns the text of the element called `name`, including white space.
 * @throws S3Error `MalformedXML` when it is missing.
 */
export function findText(xml: string, name: string): string {
  const [inner] = findElements(xml, name)
  if (inner === undefined) throw malformed()
  return inner.replace(/&(#?\w+);/g, (match, reference: string) => NAMED[reference] ?? fromNumber(reference) ?? match)
}

/** Decodes a numeric reference: `#65` and `#x41` are A. */
function fromNumber(reference: string): string | undefined {
  const code = Number(reference.replace(/^#x/i, '0x').replace(/^#/, ''))
  return reference.startsWith('#') && code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}

/**
 * Renders the plain objects of controllers as XML: `{ Name: value }`, an array for a repeated element, attributes under
 * `@`. s3rver's own renderer escapes twice, which changes keys with `&` or `'`.
 */
export const renderXml: Middleware = async (context, next) => {
  await next()
  const { body } = context
  if (typeof body !== 'object' || body === null || Object.getPrototypeOf(body) !== Object.prototype) return
  context.type = 'application/xml'
  context.body = `<?xml version="1.0" encoding="UTF-8"?>\n${toXml(body)}`
}

function toXml(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'object') return escape(String(value))
  return Object.entries(value)
    .filter(([name]) => name !== '@')
    .flatMap(([name, inner]) => (Array.isArray(inner) ? inner : [inner]).map((one: unknown) => toElement(name, one)))
    .join('')
}

function toElement(name: string, inner: unknown): string {
  if (inner === undefined) return ''
  const attributes = typeof inner === 'object' && inner !== null && '@' in inner ? Object.entries(inner['@'] ?? {}) : []
  const start = [name, ...attributes.map(([attribute, value]) => `${attribute}="${escape(String(value))}"`)].join(' ')
  return `<${start}>${toXml(inner)}</${name}>`
}

/** Escapes control characters too: a parser turns a carriage return into a line feed. */
function escape(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are escaped on purpose
  return text.replace(/[&<>"\u0000-\u001f]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Returns S3's error for an invalid body. */
export function malformed(): S3Error {
  const message = 'The XML you provided was not well-formed or did not validate against our published schema.'
  return new S3Error('MalformedXML', message)
}
