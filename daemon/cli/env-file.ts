import { isDeepStrictEqual, parseEnv } from 'node:util'
import { MediadError } from '../vocabulary/errors.ts'

/**
 * A `.env` with `values` set, as Node reads it: a line that sets one of them is replaced where it stands, what is new comes
 * last, and everything else stays as it is, comments and order too.
 *
 * @param file how to call it in messages
 * @throws MediadError `config.invalid` for a value no line can hold, and where the file is such that other variables would
 * change
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
  // a value of several lines may hold something that looks like a variable
  if (isDeepStrictEqual({ ...parseEnv(merged) }, { ...parseEnv(text), ...values })) return merged
  const names = Object.keys(values).join(', ')
  throw new MediadError('config.invalid', `cannot set ${names} in ${file} without changing other lines: do it by hand`)
}

/** In the first way of writing it that Node reads as it was meant. */
function toLine(name: string, value: string): string {
  const plain = /^[\w:/.@%+,-]*$/.test(value) ? [`${name}=${value}`] : []
  const quoted = ["'", '"', '`'].map((quote) => `${name}=${quote}${value}${quote}`)
  const line = [...plain, ...quoted].find((one) => !/[\n\r]/.test(one) && parseEnv(one)[name] === value)
  if (line !== undefined) return line
  throw new MediadError('config.invalid', `${name} has a value that no .env can hold: ${JSON.stringify(value)}`)
}
