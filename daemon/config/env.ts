import { MediadError } from '../vocabulary/errors.ts'

/** Shared between copies of this file, so that a config written against one is understood by the other. */
const marker = Symbol.for('mediad.missing-variable')

/**
 * Reads an environment variable while the config file is evaluated. An empty variable counts as missing.
 *
 * Missing and without `fallback`, it returns a placeholder that the check of the config reports at its place
 * (`queues.work.url: the environment variable … is not set`), together with every other mistake; an override
 * (`mediad start --local`) may still replace it.
 *
 * @throws MediadError `config.invalid` when the config file calculates with a placeholder (`Number(env('PORT'))`)
 */
export function env(name: string, fallback?: string): string {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  return fallback ?? placeholder(name)
}

/** What to tell about a placeholder; undefined for any other value. */
export function describeMissing(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, marker)) return undefined
  return message(String((value as Record<symbol, unknown>)[marker]))
}

/**
 * An object in a string's clothes: kept and handed on it does nothing, but used as a string it throws, so that no missing
 * variable ends up inside an URL or a key.
 */
function placeholder(name: string): string {
  return new Proxy(Object.freeze({ [marker]: name }), {
    get(target, property) {
      const isUse = property === Symbol.toPrimitive || (property !== 'constructor' && property in String.prototype)
      if (isUse) throw new MediadError('config.invalid', message(name))
      return Reflect.get(target, property)
    },
  }) as unknown as string
}

function message(name: string): string {
  const state = process.env[name] === '' ? 'empty' : 'not set'
  return `the environment variable ${name} is ${state}; export it, or write it into the file .env beside the config`
}
