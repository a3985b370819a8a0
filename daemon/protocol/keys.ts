import { MediadError } from '../vocabulary/errors.ts'
import type { Source } from '../vocabulary/job.ts'
import { findRoute, type Route, type Routes } from './route.ts'

/** What a key template is filled from. */
export type KeyScope = {
  readonly id: string
  readonly source: Source
  /** The route of the source; `{name}` leaves its prefix out. */
  readonly route: Route
  /** All routes; a key below any of their prefixes is refused. */
  readonly routes: Routes
  readonly statePrefix: string
}

/**
 * Fills a key template: `{name}` is the source's key without its route's prefix and its extension, `{id}` the job's id;
 * `values` adds places of the plugin's own. Text put in is never looked at again, so a name with braces stays a name.
 *
 * @throws MediadError `output.key` for an unknown place, for a key S3 cannot hold (1,024 bytes), and for one that would
 * lie under a source prefix (it would be taken for an upload, for ever) or under the state prefix.
 */
export function renderKey(
  template: string,
  scope: KeyScope,
  values: Readonly<Record<string, string | number>> = {},
): string {
  const places: Record<string, string | number> = {
    ...values,
    name: toName(scope.source.key, scope.route.prefix),
    id: scope.id,
  }
  const key = template.replaceAll(/\{([^{}]*)\}/g, (_, place: string) => {
    if (!Object.hasOwn(places, place))
      throw refuse(template, `it has no place called "{${place}}"; known: ${Object.keys(places).join(', ')}`)
    return String(places[place])
  })
  const next = findRoute(scope.routes, key)
  if (next) throw refuse(key, `it starts with the source prefix "${next.prefix}" and would be processed again`)
  if (key.startsWith(scope.statePrefix)) throw refuse(key, `it starts with the state prefix "${scope.statePrefix}"`)
  if (key === '' || Buffer.byteLength(key) > 1024)
    throw refuse(template, 'the key would be empty or longer than 1,024 bytes')
  return key
}

/** `origin_holiday.2024.mp4` → `holiday.2024`. */
export function toName(key: string, sourcePrefix: string): string {
  const rest = key.slice(sourcePrefix.length)
  const dot = rest.lastIndexOf('.')
  return dot > rest.lastIndexOf('/') + 1 ? rest.slice(0, dot) : rest
}

function refuse(what: string, why: string): MediadError {
  return new MediadError('output.key', `cannot write to the key "${what}": ${why}`)
}
