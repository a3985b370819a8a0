import type { IncomingMessage } from 'node:http'
import { S3Error, type Middleware } from '../objects/s3rver.ts'

const MAX_BODY_BYTES = 4 * 1024 * 1024
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/**
 * The text of a request's body, read to its end.
 * @throws S3Error `MalformedXML` beyond 4 MiB; 10,000 parts or 1,000 long keys are less.
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

/** The inner XML of every element called `name`. Enough for the two flat documents that S3 clients send. */
export function findElements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>(.*?)</${name}>`, 'gs'))].map(([, inner = '']) => inner)
}

/**
 * The text of the one element called `name`, spaces and line ends and all.
 * @throws S3Error `MalformedXML` when it is missing.
 */
export function findText(xml: string, name: string): string {
  const [inner] = findElements(xml, name)
  if (inner === undefined) throw malformed()
  return inner.replace(/&(#?\w+);/g, (whole, reference: string) => NAMED[reference] ?? fromNumber(reference) ?? whole)
}

/** `#65` and `#x41` are A. */
function fromNumber(reference: string): string | undefined {
  const code = Number(reference.replace(/^#x/i, '0x').replace(/^#/, ''))
  return reference.startsWith('#') && code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}

/**
 * Makes XML of the plain objects that controllers answer with: `{ Name: value }`, an array for a repeated element,
 * attributes under `@`. s3rver's own way escapes twice, so that keys with `&` or `'` come back as other keys.
 */
export const answerXml: Middleware = async (context, next) => {
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

/** Control characters too: a parser turns a plain carriage return into a line feed. */
function escape(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what it is about
  return text.replace(/[&<>"\u0000-\u001f]/g, (mark) => `&#${mark.charCodeAt(0)};`)
}

/** S3's answer to a body that is not what it should be. */
export function malformed(): S3Error {
  const message = 'The XML you provided was not well-formed or did not validate against our published schema.'
  return new S3Error('MalformedXML', message)
}
