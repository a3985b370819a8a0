import { MediadError } from '../errors.ts'

/** Makes placeholders work between copies of mediad: a config can import another copy than the one that runs it. */
const marker = Symbol.for('mediad.missing-variable')

/**
 * Returns a placeholder for a value of the config that is not set, or that the environment sets to something invalid. It
 * can be stored and passed on. Using it as a string throws `config.invalid` with `problem`, so that a missing variable
 * never becomes part of a URL or key.
 */
export function createMissing(problem: string): string {
  return new Proxy(Object.freeze({ [marker]: problem }), {
    get(target, property) {
      const isUse = property === Symbol.toPrimitive || (property !== 'constructor' && property in String.prototype)
      if (isUse) throw new MediadError('config.invalid', problem)
      return Reflect.get(target, property)
    },
  }) as unknown as string
}

/** Returns the problem of a placeholder of {@link createMissing}; undefined for any other value. */
export function describeMissing(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, marker)) return undefined
  return String((value as Record<symbol, unknown>)[marker])
}
