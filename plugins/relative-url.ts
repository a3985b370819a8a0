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
