import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cosmiconfig } from 'cosmiconfig'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { checkConfig } from './check.ts'
import { describeMissing } from '../vocabulary/missing.ts'
import type { Config, UserConfig } from './schema.ts'

export type Overrides = DeepPartial<UserConfig>

type DeepPartial<T> = T extends readonly unknown[] | ((...parameters: never[]) => unknown)
  ? T
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> | undefined }
    : T

export type LoadOptions = {
  /** Where the search for a config starts; it goes on in the folders above. Default: the working directory. */
  cwd?: string
  /** This file and no other, relative to `cwd`. */
  file?: string
  /** Laid over the file's config before it is checked: objects are merged, lists and everything else replaced. */
  overrides?: Overrides
}

const names = ['media.config.ts', 'media.config.mts', 'media.config.js', 'media.config.mjs']

/**
 * Finds, evaluates and checks the config. A file `.env` beside it is read first, into this process's environment; what
 * the environment has already wins.
 *
 * @throws MediadError `config.invalid` that says what to do
 */
export async function loadConfig(options: LoadOptions = {}): Promise<{ config: Config; file: string }> {
  const { cwd = process.cwd(), overrides = {} } = options
  const explorer = cosmiconfig('media', {
    searchPlaces: names,
    searchStrategy: 'none',
    ignoreEmptySearchPlaces: false,
    cache: false,
    loaders: {
      '.ts': importConfig,
      '.mts': importConfig,
      '.js': importConfig,
      '.mjs': importConfig,
      default: importConfig,
    },
  })
  const found = options.file === undefined ? await search(cwd) : await loadFile(resolve(cwd, options.file))
  if (!isPlain(found.user))
    throw new MediadError(
      'config.invalid',
      `${found.file} exports no config; it needs "export default defineConfig({ … })"`,
    )
  return { config: checkConfig(merge(found.user, overrides), found.file), file: found.file }

  async function search(from: string) {
    for (const folder of upwards(resolve(from))) {
      const result = await explorer.search(folder)
      if (result !== null) return { file: result.filepath, user: (result.config as Loaded | undefined)?.user }
    }
    const hint = 'create one, or name one with --config FILE'
    throw new MediadError(
      'config.invalid',
      `there is no media.config.ts in ${resolve(from)} or any folder above; ${hint}`,
    )
  }

  async function loadFile(file: string) {
    if (!existsSync(file))
      throw new MediadError('config.invalid', `there is no config file ${file}; check the path after --config`)
    const result = await explorer.load(file).catch((error: unknown) => {
      throw error instanceof MediadError ? error : toLoadError(file, error)
    })
    return { file, user: (result?.config as Loaded | undefined)?.user }
  }
}

/** In a box: cosmiconfig gives a key `$import` of what a loader returns a meaning, and null too. */
type Loaded = { user: unknown }

/** cosmiconfig's own loader for TypeScript compiles with a copy beside the config; Node runs the file as it is. */
async function importConfig(file: string): Promise<Loaded> {
  readEnvironment(join(dirname(file), '.env'))
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: unknown }
    return { user: module.default }
  } catch (error) {
    // never as it is: cosmiconfig takes a code like ENOENT for "no config here" and goes on searching
    throw toLoadError(file, error)
  }
}

function readEnvironment(file: string): void {
  if (!existsSync(file)) return
  try {
    process.loadEnvFile(file)
  } catch (error) {
    throw new MediadError('config.invalid', `cannot read ${file}: ${toMessage(error)}`, { cause: error })
  }
}

function toLoadError(file: string, error: unknown): MediadError {
  const line = findLine(file, error)
  const where = line === undefined ? file : `${file}, line ${line}`
  return new MediadError('config.invalid', `cannot load ${where}: ${toMessage(error)}`, { cause: error })
}

/** A syntax error's stack starts with the place, any other's has it among the calls. */
function findLine(file: string, error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const name of [pathToFileURL(file).href, file]) {
    const [, rest] = stack.split(`${name}:`)
    const line = rest?.match(/^\d+/)?.[0]
    if (line !== undefined) return line
  }
  return undefined
}

function* upwards(folder: string): Generator<string> {
  yield folder
  if (dirname(folder) !== folder) yield* upwards(dirname(folder))
}

/** Leaves out what is undefined: for the check, that is the same as not there. */
function merge(base: object, over: object): Record<string, unknown> {
  const merged = new Map<string, unknown>()
  for (const [key, value] of [...Object.entries(base), ...Object.entries(over)] as [string, unknown][]) {
    if (value === undefined) continue
    const before = merged.get(key)
    merged.set(key, isPlain(value) ? merge(isPlain(before) ? before : {}, value) : value)
  }
  return Object.fromEntries(merged)
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || describeMissing(value) !== undefined) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
