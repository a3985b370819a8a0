/** Any object that came out of JSON. */
export type Fields = Readonly<Record<string, unknown>>

/** What is no object has no fields. */
export function toFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

/** The objects of a list; what is no list is empty. */
export function toList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(toFields) : []
}

/** ffprobe writes `unknown` or `N/A` where it knows nothing. */
export function toText(value: unknown): string | null {
  return typeof value === 'string' && !['', 'N/A', 'unknown', 'reserved', '[0][0][0][0]'].includes(value) ? value : null
}

export function toNumber(value: unknown): number | null {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  return Number.isFinite(number) ? number : null
}

/** A whole number above 0, else 0. */
export function toInteger(value: unknown): number {
  const number = toNumber(value)
  return number !== null && Number.isSafeInteger(number) && number > 0 ? number : 0
}

/** More than nothing. */
export function toSeconds(value: unknown): number | null {
  const seconds = toNumber(value)
  return seconds !== null && seconds > 0 ? seconds : null
}

/** `16:9` and `30000/1001` as numbers above 0. */
export function toRatio(value: unknown, separator: ':' | '/'): number | null {
  const [above, below, rest] = typeof value === 'string' ? value.split(separator).map(Number) : []
  if (above === undefined || below === undefined || rest !== undefined) return null
  const ratio = above / below
  return Number.isFinite(ratio) && ratio > 0 ? ratio : null
}

/** `00:01:02.5`, as Matroska's tags tell a length. */
export function toClockSeconds(value: unknown): number | null {
  const match = typeof value === 'string' ? /^(\d{2,}):([0-5]\d):([0-5]\d(?:\.\d+)?)$/.exec(value) : null
  return match === null ? null : toSeconds(Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]))
}
