/**
 * Returns the URL of a key relative to the object that names it. Keys can have empty parts (`a//b`), which URLs keep and paths do
 * not.
 */
export function toRelativeUrl(from: string, to: string): string {
  const [folders, parts] = [from.split('/').slice(0, -1), to.split('/')]
  const differs = folders.findIndex((folder, n) => n === parts.length - 1 || folder !== parts[n])
  const shared = differs < 0 ? folders.length : differs
  const up = folders.slice(shared).map(() => '..')
  const url = [...up, ...parts.slice(shared).map(encodeURIComponent)].join('/')
  return url.startsWith('/') ? `./${url}` : url
}

/** Whether a key template gives each job a key of its own. */
export const isUniqueKey = (key: string): boolean => /\{(?:name|id)\}/.test(key)

/** The problem of a template that does not. */
export const NOT_UNIQUE = 'must contain {name} or {id}, or every job would write to the same key'
