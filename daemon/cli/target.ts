import { join, resolve, sep } from 'node:path'
import { MediadError } from '../vocabulary/errors.ts'

/**
 * Returns the path of a file for an output in the folder `out`, with its key as the path.
 *
 * @param out absolute path
 * @throws MediadError `output.key` if the key leads out of the folder
 */
export function toTarget(out: string, key: string): string {
  const target = resolve(join(out, key))
  if (target.startsWith(out.endsWith(sep) ? out : out + sep)) return target
  throw new MediadError('output.key', `the key "${key}" is a path outside of ${out}`)
}
