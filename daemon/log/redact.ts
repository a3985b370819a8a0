/** Characters that JSON does not escape, but terminals and viewers act on: DEL, C1 controls, line separators, bidi controls. */
const controls = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Replaces the characters of a JSON text that a terminal would act on with escapes. */
export function escapeControls(json: string): string {
  return json.replaceAll(controls, toUnicodeEscape)
}

/** Returns a copy with the control characters of all strings replaced with visible escapes. */
export function escapeStrings(value: unknown): unknown {
  if (typeof value === 'string') return escapeControls(value.replaceAll(/\p{Cc}/gu, toUnicodeEscape))
  if (Array.isArray(value)) return value.map(escapeStrings)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [escapeStrings(key), escapeStrings(inner)]))
}

const secretNames = [
  'X-Amz-Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
  'secretAccessKey',
  'sessionToken',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
]

/** Matches `name=value` and `name%3Dvalue` in URLs, `"name":"value"` in JSON and nested JSON, and Node's `name: 'value'`. */
const secret = new RegExp(String.raw`(${secretNames.join('|')})(\\*["']?\s*(?:[:=]|%3D)\s*\\*["']?)[^"'\\\s,&}]+`, 'gi')

/** Redacts signatures, credentials, tokens and secret keys. */
export function redact(json: string): string {
  return json.replaceAll(secret, '$1$2[redacted]')
}

function toUnicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
