import type { z } from 'zod'
import { describeMissing } from './missing.ts'

type Issue = z.core.$ZodRawIssue

/** An error in a value that the user set, and the path of that value. */
export type Problem = { readonly path: readonly PropertyKey[]; readonly message: string }

type Parsed<T> = { ok: true; data: T } | { ok: false; problems: readonly Problem[] }

/**
 * Validates a value that the user set. Reports at most one problem per path, in words for people: an unknown option
 * with the known option that it resembles, a missing environment variable by its name.
 */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): Parsed<z.output<Schema>> {
  const known = new Map<readonly string[], readonly string[]>()
  const parsed = schema.safeParse(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') known.set(issue.keys, toKnownKeys(issue))
      return explain(issue)
    },
  })
  if (parsed.success) return { ok: true, data: parsed.data }
  const problems = parsed.error.issues.flatMap(toBranch).flatMap((issue): Problem[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          path: [...issue.path, key],
          message: toUnknown(key, known.get(issue.keys) ?? []),
        }))
      : [{ path: issue.path, message: issue.message }],
  )
  return { ok: false, problems: onePerPath(problems) }
}

/**
 * Returns the issues of the branch of a union that has the type of the value, with their paths; the issue itself if no branch or
 * several have it.
 */
function toBranch(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const [branch, ...others] = issue.errors.filter(hasType)
  if (branch === undefined || others.length > 0) return [issue]
  return branch.map((inner) => Object.assign(inner, { path: [...issue.path, ...inner.path] }))
}

const hasType = (branch: readonly z.core.$ZodIssue[]) =>
  !branch.some(({ code, path }) => path.length === 0 && (code === 'invalid_type' || code === 'invalid_value'))

/** Renders a problem as one line: `queues.work.concurrency: must be …`, `plugins[0] (transcode).crf: …`. */
export function renderProblem({ path, message }: Problem, plugins: readonly { readonly name: string }[] = []): string {
  const where = path.map((part, index) => {
    if (typeof part !== 'number') return index === 0 ? String(part) : `.${String(part)}`
    const name = index === 1 && path[0] === 'plugins' ? plugins[part]?.name : undefined
    return name ? `[${part}] (${name})` : `[${part}]`
  })
  // the message can quote a value with control characters
  const line = `${where.join('') || 'config'}: ${message}`
  return line.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1))
}

/** Describes a value in a few words, for messages. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}

/** Returns the candidate that `wrong` most likely is a misspelling of. */
export function suggest(wrong: string, candidates: readonly string[]): string | undefined {
  const near = candidates
    .map((candidate) => ({ candidate, distance: toDistance(wrong.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.distance - b.distance)
  return near[0]?.candidate
}

const names: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  object: 'an object { … }',
  array: 'a list [ … ]',
  function: 'a function',
  undefined: 'nothing',
}

/** Returns the message for an issue; undefined where zod's own message is good. */
function explain(issue: Issue): string | undefined {
  const missing = describeMissing(issue.input)
  if (missing !== undefined) return missing
  if (issue.code === 'invalid_union') return explainUnion(issue)
  if (issue.input === undefined && issue.code !== 'custom') return `is missing${toExpected(issue, '; must be ')}`
  if (issue.code === 'invalid_type' || issue.code === 'invalid_value')
    return `must be ${toExpected(issue, '')}, not ${describeValue(issue.input)}`
  if (issue.code === 'too_small' || issue.code === 'too_big') return explainBound(issue)
  if (issue.code === 'invalid_format') return `is not a valid ${issue.format} (${describeValue(issue.input)})`
  return undefined
}

function toExpected(issue: Issue, before: string): string {
  if (issue.code === 'invalid_type') return `${before}${names[issue.expected] ?? issue.expected}`
  if (issue.code === 'invalid_value') {
    const values = issue.values.map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value)))
    return `${before}${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`
  }
  return ''
}

function explainBound(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const [bound, limit] = issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum]
  if (issue.origin === 'string') return limit === 1 ? 'must not be empty' : `must have ${bound} ${limit} characters`
  if (issue.origin === 'array') return `must have ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}`
  const strict = issue.inclusive === false ? { 'at least': 'more than', 'at most': 'less than' }[bound] : bound
  return `must be ${strict} ${limit}, not ${describeValue(issue.input)}`
}

function explainUnion(issue: Extract<Issue, { code: 'invalid_union' }>): string | undefined {
  const messages = new Set((issue.errors ?? []).flatMap((branch) => branch.map((inner) => inner.message)))
  return messages.size === 0 ? undefined : [...messages].join(', or ')
}

function toUnknown(key: string, known: readonly string[]): string {
  const meant = suggest(key, known)
  if (meant !== undefined) return `unknown option; did you mean "${meant}"?`
  return known.length === 0 ? 'unknown option; there are none here' : `unknown option; known here: ${known.join(', ')}`
}

function toKnownKeys(issue: Issue): string[] {
  const shape: unknown = Reflect.get(issue.inst ?? {}, 'shape')
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : []
}

function onePerPath(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>()
  return problems.filter(({ path }) => {
    const key = JSON.stringify(path.map(String))
    return !seen.has(key) && seen.add(key)
  })
}

/** Returns the number of typing errors between two words. An abbreviation and transposed letters count as one. */
function toDistance(a: string, b: string): number {
  if (a.length >= 3 && b.length >= 3 && (a.startsWith(b) || b.startsWith(a))) return 1
  if (a.length === b.length && sortLetters(a) === sortLetters(b)) return a === b ? 0 : 1
  return toEditDistance(a, b)
}

function sortLetters(word: string): string {
  return [...word].toSorted().join('')
}

/** Returns the Levenshtein distance, computed one row at a time. */
function toEditDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** Parses JSON; undefined when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
