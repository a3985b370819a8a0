import { z } from 'zod'
import { describeMissing } from '../vocabulary/validation/missing.ts'
import { describeValue } from '../vocabulary/validation/validation.ts'
import { explainCron } from './cron.ts'

/**
 * The types of options. `values` in their metadata describes the allowed values in the documentation, where the schema
 * alone does not show them.
 */

/** Accepts integers from `min` to `max`. */
export function integer(min: number, max: number) {
  const error = ({ input }: { input?: unknown }) =>
    describeMissing(input) ?? `must be an integer from ${min} to ${max}, not ${describeValue(input)}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** Accepts numbers from `min` to `max`. */
export function share(min: number, max: number) {
  const error = ({ input }: { input?: unknown }) =>
    describeMissing(input) ?? `must be a number from ${min} to ${max}, not ${describeValue(input)}`
  return z.number({ error }).min(min, { error }).max(max, { error })
}

/** Accepts `true` and `false`. */
export function toggle() {
  return z.boolean({ error: explainToggle }).meta({ values: '`true`, `false`' })
}

function explainToggle({ input }: { input?: unknown }): string {
  return describeMissing(input) ?? `must be true or false, not ${describeValue(input)}`
}

/** Accepts text that is not empty and for which `explain` returns no problem. */
export function text(explain: (value: string) => string | undefined = () => undefined) {
  return z.string().superRefine((value, context) => {
    const problem = value.trim() === '' ? 'must not be empty' : explain(value)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
  })
}

/** Accepts http and https URLs; `target` names what the URL is of, for messages. */
export function url(target: string) {
  return text((value) => {
    const parsed = URL.parse(value)
    if (parsed !== null && /^https?:$/.test(parsed.protocol)) return undefined
    return `must be the http(s) URL of ${target}, not ${describeValue(value)}`
  }).meta({ values: 'http(s) URL' })
}

/** Accepts web origins, exactly as browsers send them. */
export function origin() {
  return text((value) => {
    const parsed = URL.parse(value)
    if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.origin === value) return undefined
    return `must be a web origin (scheme and host without a path, such as https://app.example.com), not ${describeValue(value)}`
  })
}

/** Keeps the longest key with a prefix below S3's limit of 1,024 bytes. */
const PREFIX_CHARACTERS = 200

/** Accepts prefixes of keys. */
export function prefix() {
  return text((value) =>
    value.length > PREFIX_CHARACTERS ? `must have at most ${PREFIX_CHARACTERS} characters` : undefined,
  ).meta({ values: `1 to ${PREFIX_CHARACTERS} characters` })
}

/** Accepts names of buckets. */
export function bucket() {
  return text((value) =>
    /^[a-z0-9][a-z0-9._-]{1,253}[a-z0-9]$/i.test(value)
      ? undefined
      : `must be the plain name of an S3 bucket (not an ARN, not a URL), not ${describeValue(value)}`,
  ).meta({ values: 'name of a bucket' })
}

/** Accepts cron expressions of 6 fields. */
export function cron() {
  return text(explainCron).meta({ values: 'cron expression, 6 fields' })
}

/** Groups options that all have defaults, so that the group can be left out. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as never)
}
