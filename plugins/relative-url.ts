import { posix } from 'node:path'

/** Returns the URL of a key relative to the object that names it. */
export function toRelativeUrl(from: string, to: string): string {
  return posix
    .relative(posix.dirname(from), to)
    .split('/')
    .map((part) => (part === '..' ? part : encodeURIComponent(part)))
    .join('/')
}
