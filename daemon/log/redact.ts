/** What JSON leaves as it is, but terminals and viewers obey: DEL, C1 controls, line separators, changes of direction. */
const obeyed = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Replaces the characters of a JSON text that a terminal would obey by escapes. */
export function escapeObeyed(json: string): string {
  return json.replaceAll(obeyed, toUnicodeEscape)
}

/** Returns a copy in which every control character of every string is visible as an escape. */
export function makeVisible(value: unknown): unknown {
  if (typeof value === 'string') return escapeObeyed(value.replaceAll(/\p{Cc}/gu, toUnicodeEscape))
  if (Array.isArray(value)) return value.map(makeVisible)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [makeVisible(key), makeVisible(inner)]))
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

/** `name=value` and `name%3Dvalue` in URLs, `"name":"value"` in JSON and in JSON within JSON, `name: 'value'` as Node prints it. */
const secret = new RegExp(String.raw`(${secretNames.join('|')})(\\*["']?\s*(?:[:=]|%3D)\s*\\*["']?)[^"'\\\s,&}]+`, 'gi')

/** Replaces signatures, credentials, tokens and secret keys. */
export function redact(json: string): string {
  return json.replaceAll(secret, '$1$2[redacted]')
}

function toUnicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
