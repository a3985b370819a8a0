import { z } from 'zod'
import { describeValue } from '../vocabulary/validation/validation.ts'
import { createMissing } from '../vocabulary/validation/missing.ts'
import { env } from './env.ts'
import { schema } from './schema.ts'

const { http, metrics } = schema.shape
const [endpoint, exposed] = [http.unwrap().shape, metrics.unwrap().shape]

/**
 * Reads the options that the environment overrides: host and port of the HTTP endpoint, and where metrics can be read. They
 * depend on where a daemon runs and not on what it does. A variable that is missing or empty leaves the option as the config has it. The value of
 * an invalid one is a placeholder, which loading the config reports at its path unless an override replaces it.
 */
export function readEndpoint(): Record<'http' | 'metrics', Record<string, unknown>> {
  return {
    http: {
      host: read('MEDIAD_HTTP_HOST', endpoint.host, (text) => text),
      port: read('MEDIAD_HTTP_PORT', endpoint.port, toPort),
    },
    metrics: {
      expose: read('MEDIAD_METRICS', exposed.expose, (text) => text),
      host: read('MEDIAD_METRICS_HOST', exposed.host, (text) => text),
      port: read('MEDIAD_METRICS_PORT', exposed.port, toPort),
    },
  }
}

/**
 * Reads what the environment sets for a config that leaves it out. It cannot turn off the authorization of a config: one
 * image, or one module of Terraform, can serve configs with and without it.
 */
export function readAuthorize(): { http: Record<string, unknown> } {
  return { http: { authorize: read('MEDIAD_HTTP_AUTHORIZE', none, (text) => text) } }
}

const none = z.literal('none', { error: ({ input }) => `must be "none", not ${describeValue(input)}` })

const toPort = (text: string): unknown => (/^\d{1,5}$/.test(text) ? Number(text) : text)

type Option = { safeParse(value: unknown): { error?: { issues: readonly { message: string }[] } } }

function read(name: string, option: Option, convert: (text: string) => unknown): unknown {
  const text = env(name, '')
  if (text === '') return undefined
  const value = convert(text)
  const { error } = option.safeParse(value)
  return error ? createMissing(`the environment variable ${name} ${error.issues[0]?.message}`) : value
}
