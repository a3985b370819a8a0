import { isDeepStrictEqual, parseEnv } from 'node:util'
import { MediadError } from '../../vocabulary/errors.ts'

/**
 * Sets `values` in the text of a `.env` file in Node's format. Lines that set one of them are replaced in place, new ones are
 * appended, and everything else is kept, including comments and order.
 *
 * @param file name of the file, for messages
 * @throws MediadError `config.invalid` if a value cannot be written in this format, or if another variable would change
 */
export function mergeEnvironment(text: string, values: Readonly<Record<string, string>>, file: string): string {
  const left = new Map(Object.entries(values).map(([name, value]) => [name, toLine(name, value)]))
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const kept = lines.map((line) => {
    const name = /^\s*(?:export\s+)?(\w+)\s*=/.exec(line)?.[1] ?? ''
    return left.get(name) ?? line
  })
  const known = new Set(Object.keys(parseEnv(kept.join('\n'))))
  const added = [...left].filter(([name]) => !known.has(name)).map(([, line]) => line)
  const merged = `${[...kept, ...added].join('\n')}\n`
  // a value of several lines can contain a line that looks like a variable
  if (isDeepStrictEqual({ ...parseEnv(merged) }, { ...parseEnv(text), ...values })) return merged
  const names = Object.keys(values).join(', ')
  throw new MediadError(
    'config.invalid',
    `cannot set ${names} in ${file} without changing other variables. Edit the file by hand`,
  )
}

/** Returns the line for a variable, in the first notation that Node parses to the same value. */
function toLine(name: string, value: string): string {
  const plain = /^[\w:/.@%+,-]*$/.test(value) ? [`${name}=${value}`] : []
  const quoted = ["'", '"', '`'].map((quote) => `${name}=${quote}${value}${quote}`)
  const line = [...plain, ...quoted].find((one) => !/[\n\r]/.test(one) && parseEnv(one)[name] === value)
  if (line !== undefined) return line
  throw new MediadError(
    'config.invalid',
    `the value of ${name} cannot be written to a .env file: ${JSON.stringify(value)}`,
  )
}
