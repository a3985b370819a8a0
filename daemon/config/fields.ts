import { z } from 'zod'
import { describeMissing } from '../vocabulary/missing.ts'
import { show } from '../vocabulary/validation.ts'
import { explainCron } from './cron.ts'

/**
 * The kinds of options. `values` in their metadata is what the documentation says of the values they take, where the
 * schema alone does not show it.
 */

/** Takes integers between two others, both included. */
export function integer(min: number, max: number) {
  const error = ({ input }: { input?: unknown }) =>
    describeMissing(input) ?? `must be a whole number from ${min} to ${max}, not ${show(input)}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** Takes text that is not empty; `explain` returns what else is wrong with it. */
export function text(explain: (value: string) => string | undefined = () => undefined) {
  return z.string().superRefine((value, context) => {
    const problem = value.trim() === '' ? 'must not be empty' : explain(value)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  })
}

export function url(what: string) {
  return text((value) => {
    const parsed = URL.parse(value)
    if (parsed !== null && /^https?:$/.test(parsed.protocol)) return undefined
    return `must be the http(s) URL of ${what}, not ${show(value)}`
  }).meta({ values: 'http(s) URL' })
}

/** Short enough that the longest key built on it stays below S3's 1,024 bytes. */
const PREFIX_CHARACTERS = 200

export function prefix() {
  return text((value) =>
    value.length > PREFIX_CHARACTERS ? `must have at most ${PREFIX_CHARACTERS} characters` : undefined,
  ).meta({ values: `1 to ${PREFIX_CHARACTERS} characters` })
}

export function bucket() {
  return text((value) =>
    /^[a-z0-9][a-z0-9._-]{1,253}[a-z0-9]$/i.test(value)
      ? undefined
      : `must be the plain name of an S3 bucket (no ARN, no URL), not ${show(value)}`,
  ).meta({ values: 'name of a bucket' })
}

export function cron() {
  return text(explainCron).meta({ values: 'cron expression, 6 fields' })
}

/** Groups options; the group can be left out as a whole. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as never)
}
