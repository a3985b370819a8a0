import { randomBytes } from 'node:crypto'
import { MediadError } from '../vocabulary/errors.ts'
import { MAX_KEY_BYTES, type Source } from '../vocabulary/job.ts'
import { findRoute, type Route, type Routes } from './route.ts'

/** The values and rules for rendering a key template. */
export type KeyScope = {
  readonly id: string
  /** Another text for each attempt: a file name. */
  readonly version: string
  readonly source: Source
  /** The route of the source. `{name}` does not include its prefix. */
  readonly route: Route
  /** All routes. A key must not start with any of their prefixes. */
  readonly routes: Routes
  readonly statePrefix: string
}

/** Creates the version of an attempt, which no other attempt has. */
export function createVersion(): string {
  return randomBytes(8).toString('hex')
}

/**
 * Renders a key template. `{name}` is the source's key without the prefix of its route and without its extension,
 * `{id}` is the job's id, `{version}` differs for each attempt, and `values` defines further placeholders. Inserted text is not rendered again, so a name can
 * contain braces.
 *
 * @throws MediadError `output.key` for an unknown placeholder, for a key that is empty or longer than 1,024 bytes, and
 * for a key that starts with a source prefix (it would be processed again, endlessly) or with the state prefix
 */
export function renderKey(
  template: string,
  scope: KeyScope,
  values: Readonly<Record<string, string | number>> = {},
): string {
  const placeholders: Record<string, string | number> = {
    ...values,
    name: toName(scope.source.key, scope.route.prefix),
    id: scope.id,
    version: scope.version,
  }
  const key = template.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => {
    if (!Object.hasOwn(placeholders, name))
      throw keyError(template, `unknown placeholder "{${name}}"; known: ${Object.keys(placeholders).join(', ')}`)
    return String(placeholders[name])
  })
  const next = findRoute(scope.routes, key)
  if (next) throw keyError(key, `it starts with the source prefix "${next.prefix}" and would be processed again`)
  if (key.startsWith(scope.statePrefix)) throw keyError(key, `it starts with the state prefix "${scope.statePrefix}"`)
  if (key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES)
    throw keyError(template, 'the key would be empty or longer than 1,024 bytes')
  return key
}

/** Returns the `{name}` of a source: `origin_holiday.2024.mp4` → `holiday.2024`. */
export function toName(key: string, sourcePrefix: string): string {
  const rest = key.slice(sourcePrefix.length)
  const dot = rest.lastIndexOf('.')
  return dot > rest.lastIndexOf('/') + 1 ? rest.slice(0, dot) : rest
}

function keyError(key: string, reason: string): MediadError {
  return new MediadError('output.key', `cannot write to the key "${key}": ${reason}`)
}
