/** An object parsed from JSON. */
export type Fields = Readonly<Record<string, unknown>>

/** Returns the value when it is an object, else an object without fields. */
export function toFields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

/** Returns the elements of an array as objects; an empty array for any other value. */
export function toList(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(toFields) : []
}

/** Returns a text; null for the placeholders that ffprobe prints for missing values, such as `unknown` and `N/A`. */
export function toText(value: unknown): string | null {
  return typeof value === 'string' && !['', 'N/A', 'unknown', 'reserved', '[0][0][0][0]'].includes(value) ? value : null
}

/** Returns a finite number, also from text; null for anything else. */
export function toNumber(value: unknown): number | null {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
  return Number.isFinite(number) ? number : null
}

/** Returns an integer above 0; 0 for anything else. */
export function toInteger(value: unknown): number {
  const number = toNumber(value)
  return number !== null && Number.isSafeInteger(number) && number > 0 ? number : 0
}

/** Returns a number above 0; null for anything else. */
export function toSeconds(value: unknown): number | null {
  const seconds = toNumber(value)
  return seconds !== null && seconds > 0 ? seconds : null
}

/** Parses a ratio such as `16:9` or `30000/1001`. Returns null unless it is finite and above 0. */
export function toRatio(value: unknown, separator: ':' | '/'): number | null {
  const [above, below, rest] = typeof value === 'string' ? value.split(separator).map(Number) : []
  if (above === undefined || below === undefined || rest !== undefined) return null
  const ratio = above / below
  return Number.isFinite(ratio) && ratio > 0 ? ratio : null
}

/** Parses `00:01:02.5`, the format of Matroska's DURATION tag, to seconds. */
export function toClockSeconds(value: unknown): number | null {
  const match = typeof value === 'string' ? /^(\d{2,}):([0-5]\d):([0-5]\d(?:\.\d+)?)$/.exec(value) : null
  return match === null ? null : toSeconds(Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]))
}
