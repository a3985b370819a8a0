import { MediadError } from '../vocabulary/errors.ts'
import { isLoopback } from '../vocabulary/address.ts'
import type { Plugin } from '../vocabulary/plugin.ts'
import { describeValue, parse, renderProblem, type Problem } from '../vocabulary/validation/validation.ts'
import { findAmbiguousRoutes, toRoutes } from './routes.ts'
import { schema } from './schema.ts'
import type { Config } from './config.ts'

/**
 * Validates a config, sets the defaults, resolves the routes, and freezes the result.
 *
 * @param file name of the config in messages
 * @throws MediadError `config.invalid` with one line per problem
 */
export function checkConfig(user: unknown, file = 'the config'): Config {
  const parsed = parse(schema, user)
  const config = parsed.ok ? { ...parsed.data, routes: toRoutes(parsed.data) } : null
  const plugins = toPlugins(user)
  const problems = [
    ...(parsed.ok ? [] : parsed.problems),
    ...plugins.flatMap((plugin, index) => toPluginProblems(plugin, index)),
    ...findConflicts(user, plugins),
    ...findUnpublished(plugins),
    ...findWrongNumbers(plugins),
    ...findAmbiguousRoutes(config?.routes ?? []),
  ]
  if (config !== null && problems.length === 0) return freeze(config)
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
  const lines = problems.map((problem) => `  ${renderProblem(problem, plugins)}`)
  throw new MediadError('config.invalid', `${file} has ${count}:\n${lines.join('\n')}`)
}

/** Reports conflicts between options that are valid by themselves, even when other options are invalid. */
function findConflicts(user: unknown, plugins: readonly Plugin[]): Problem[] {
  const source = pick(schema.shape.source, user, 'source')?.prefix
  const state = pick(schema.shape.state, user, 'state')?.prefix
  return [
    ...comparePrefixes(source, state),
    ...compareQueues(user),
    ...compareKeys(plugins, { source, state }),
    ...findOpenEndpoint(user),
  ]
}

/** Reports an endpoint that other machines can reach although nobody has said who can use it. */
function findOpenEndpoint(user: unknown): Problem[] {
  const host = pick(schema.shape.http.unwrap().shape.host, user, 'http', 'host')
  const http = isRecord(user) ? user['http'] : undefined
  if (host === undefined || isLoopback(host) || (isRecord(http) && http['authorize'] !== undefined)) return []
  const message =
    `${describeValue(host)} makes the endpoint reachable from other machines, and nothing decides who can use it: set ` +
    `http.authorize to bearer({ tokens }), jwt({ … }) or a function of your own, or to 'none' ` +
    `(MEDIAD_HTTP_AUTHORIZE=none) if a server in front of it authorizes clients`
  return [{ path: ['http', 'host'], message }]
}

function comparePrefixes(source: string | undefined, state: string | undefined): Problem[] {
  if (source === undefined || state === undefined) return []
  if (!state.startsWith(source) && !source.startsWith(state)) return []
  const message = `must not overlap with source.prefix "${source}": job documents would be processed as sources`
  return [{ path: ['state', 'prefix'], message }]
}

function compareQueues(user: unknown): Problem[] {
  const seen = new Map<string, string>()
  return (['work', 'inProgress', 'dead'] as const).flatMap((name): Problem[] => {
    const url = pick(schema.shape.queues.shape.dead.shape.url, user, 'queues', name, 'url')
    if (url === undefined) return []
    const same = seen.get(toComparable(url))
    seen.set(toComparable(url), name)
    return same === undefined
      ? []
      : [
          {
            path: ['queues', name, 'url'],
            message: `is the same queue as queues.${same}.url; use three different queues`,
          },
        ]
  })
}

function compareKeys(
  plugins: readonly Plugin[],
  prefixes: { source: string | undefined; state: string | undefined },
): Problem[] {
  const { source, state } = prefixes
  const owners = new Map<string, number>()
  return plugins.flatMap((plugin, index) =>
    (plugin.hooks.keys ?? []).flatMap((key): Problem[] => {
      const report = (message: string): Problem[] => [
        { path: ['plugins', index], message: `writes to "${key}", ${message}` },
      ]
      if (source !== undefined && key.startsWith(source))
        return report(`which starts with source.prefix "${source}": its outputs would be processed again, endlessly`)
      if (state !== undefined && key.startsWith(state)) return report(`which starts with state.prefix "${state}"`)
      const owner = owners.get(key)
      if (owner === undefined) owners.set(key, index)
      if (owner === undefined || owner === index) return []
      return report(`as plugins[${owner}] (${plugins[owner]?.name}) does; one would replace the other's output`)
    }),
  )
}

/** Reports plugins whose files no plugin uploads. A plugin that is not valid could be the one that does. */
function findUnpublished(plugins: readonly Plugin[]): Problem[] {
  return plugins.flatMap(({ hooks }, index): Problem[] => {
    const [key] = hooks.keys ?? []
    if (key === undefined || plugins.slice(index).some(mayPublish)) return []
    const message = `makes "${key}", which no plugin uploads: put upload() after it, or a plugin that declares "publishes"`
    return [{ path: ['plugins', index], message }]
  })
}

const mayPublish = ({ name, problems, hooks }: Plugin): boolean =>
  Boolean(hooks.publishes) || problems.length > 0 || name === INVALID

/** Checks the numbers that plugins declare: a timer with another one would fire at once. */
function findWrongNumbers(plugins: readonly Plugin[]): Problem[] {
  return plugins.flatMap(({ hooks }, index) =>
    (['maxSeconds', 'weight'] as const).flatMap((name): Problem[] => {
      const value = hooks[name]
      if (value === undefined || (value > 0 && value <= LARGEST_NUMBER)) return []
      const message = `declares ${name}: it must be a number above 0, at most ${LARGEST_NUMBER}, not ${describeValue(value)}`
      return [{ path: ['plugins', index], message }]
    }),
  )
}

/** A week in seconds. */
const LARGEST_NUMBER = 7 * 24 * 3600

/** Name of the placeholder for an entry that is not a plugin. */
const INVALID = ''

function toPlugins(user: unknown): Plugin[] {
  const list: unknown = isRecord(user) ? user['plugins'] : undefined
  if (!Array.isArray(list)) return []
  return list.map((entry) => {
    const parsed = schema.shape.plugins.element.safeParse(entry)
    // a placeholder keeps the indexes of the other plugins; the schema reports the problem
    return parsed.success ? parsed.data : { name: INVALID, problems: [], hooks: { run: () => {} } }
  })
}

function toPluginProblems(plugin: Plugin, index: number): Problem[] {
  return plugin.problems.map(({ path, message }) => ({ path: ['plugins', index, ...path], message }))
}

/** Validates one part of the config by itself; undefined when it is not valid. */
function pick<T>(
  part: { safeParse(value: unknown): { success: boolean; data?: T } },
  user: unknown,
  ...path: string[]
): T | undefined {
  const value = path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), user)
  return part.safeParse(value).data
}

function toComparable(url: string): string {
  return new URL(url).href.replace(/\/+$/, '')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Freezes plain objects and arrays deeply. Functions and instances of classes stay as they are. */
function freeze<T>(value: T): T {
  const isPlain = isRecord(value) && (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)
  if (!isPlain || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
