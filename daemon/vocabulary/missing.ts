import { MediadError } from './errors.ts'

/** Shared between copies of this file, so that a config written against one is understood by the other. */
const marker = Symbol.for('mediad.missing-variable')

/**
 * Stands for a value that the config needs and the environment does not give. It can be stored and passed on; used as a
 * string it throws `problem` as `config.invalid`, so that no missing variable ends up inside a URL or a key.
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

/** Returns the problem that a placeholder of {@link createMissing} stands for; undefined for any other value. */
export function describeMissing(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, marker)) return undefined
  return String((value as Record<symbol, unknown>)[marker])
}
