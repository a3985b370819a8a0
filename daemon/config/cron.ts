import { sendAt, validateCronExpression } from 'cron'

/** Returns why `expression` is not a usable schedule of 6 fields; undefined when it is one. */
export function explainCron(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/).length
  if (fields !== 6)
    return `must be a cron expression of 6 fields, seconds first, e.g. "*/5 * * * * *" (this has ${fields})`
  const { valid, error } = validateCronExpression(expression)
  if (!valid) return `is not a valid cron expression: ${error?.message ?? expression}`
  try {
    sendAt(expression)
    return undefined
  } catch {
    return `is a cron expression that never matches: ${expression}`
  }
}
