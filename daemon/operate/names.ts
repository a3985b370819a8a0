import { MediadError } from '../vocabulary/errors.ts'
import { toJobId } from '../vocabulary/job.ts'

/** Operators name a job by its id, by a unique prefix of the id, or by the key of its source. */

/** Prefixes in tables have at least this many characters. */
const SHORT = 8

/** Fewer characters are too often the start of another id. */
const LEAST_PREFIX = 4

/** Returns a job's id unchanged; anything else is treated as a source's key and converted to its job's id. */
export function toId(bucket: string, name: string): string {
  return /^[0-9a-f]{32}$/.test(name) ? name : toJobId(bucket, name)
}

/** Returns a sentence for a name that no job has and that is too short for a prefix; otherwise an empty string. */
export function explainShortPrefix(name: string): string {
  if (name.length >= LEAST_PREFIX || !/^[0-9a-f][0-9a-f-]*$/.test(name)) return ''
  return `. A prefix of an id needs at least ${LEAST_PREFIX} characters`
}

/** Returns whether a name can be the prefix of the id of a job or of a message (a UUID). Complete ids of jobs are none. */
export function isIdPrefix(name: string): boolean {
  return name.length >= LEAST_PREFIX && /^[0-9a-f][0-9a-f-]{0,34}$/.test(name) && !/^[0-9a-f]{32}$/.test(name)
}

/**
 * Returns the id that starts with `name`. If there is none, `name` is the key of a source.
 *
 * @throws MediadError `job.ambiguous` if several ids start with it
 */
export function pickId(name: string, { ids, bucket }: { ids: Iterable<string>; bucket: string }): string {
  const matches = [...new Set(ids)].filter((id) => id.startsWith(name))
  if (matches.length < 2) return matches[0] ?? toId(bucket, name)
  const listed = matches.slice(0, 5).join(', ')
  const more = matches.length > 5 ? ` and ${matches.length - 5} more` : ''
  throw new MediadError('job.ambiguous', `several ids start with "${name}": ${listed}${more}. Add more characters`)
}

/** Returns a function that shortens each of the ids to a prefix that is unique among them. */
export function toShortIds(ids: Iterable<string>): (id: string) => string {
  const sorted = [...new Set(ids)].toSorted()
  let length = SHORT
  for (const [n, id] of sorted.entries()) length = Math.max(length, countCommon(id, sorted[n + 1] ?? '') + 1)
  return (id) => id.slice(0, length)
}

function countCommon(a: string, b: string): number {
  let count = 0
  while (count < a.length && a[count] === b[count]) count++
  return count
}
