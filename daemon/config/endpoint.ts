import { createMissing } from '../vocabulary/missing.ts'
import { env } from './env.ts'
import { schema } from './schema.ts'

const { host, port } = schema.shape.http.unwrap().shape

/**
 * Reads the options that the environment overrides: host and port of the HTTP endpoint, which depend on where a daemon
 * runs and not on what it does. A variable that is missing or empty leaves the option as the config has it. The value of
 * an invalid one is a placeholder, which loading the config reports at its path unless an override replaces it.
 */
export function readEndpoint(): { http: { host: unknown; port: unknown } } {
  return {
    http: {
      host: read('MEDIAD_HTTP_HOST', host, (text) => text),
      port: read('MEDIAD_HTTP_PORT', port, (text) => (/^\d{1,5}$/.test(text) ? Number(text) : text)),
    },
  }
}

type Option = { safeParse(value: unknown): { error?: { issues: readonly { message: string }[] } } }

function read(name: string, option: Option, convert: (text: string) => unknown): unknown {
  const text = env(name, '')
  if (text === '') return undefined
  const value = convert(text)
  const { error } = option.safeParse(value)
  return error ? createMissing(`the environment variable ${name} ${error.issues[0]?.message}`) : value
}
