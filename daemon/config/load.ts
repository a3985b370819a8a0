import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cosmiconfig } from 'cosmiconfig'
import { MediadError, toMessage } from '../vocabulary/errors.ts'
import { checkConfig } from './check.ts'
import { adviseOnEnvironment } from './hints/environment.ts'
import { adviseOnLoad, findPlace, toProblem } from './hints/load-error.ts'
import { describeMissing } from '../vocabulary/validation/missing.ts'
import { readAuthorize, readEndpoint } from './endpoint.ts'
import type { Config, UserConfig } from './config.ts'

/** Options that replace those of the config file. */
export type Overrides = DeepPartial<UserConfig>

type DeepPartial<T> = T extends readonly unknown[] | ((...parameters: never[]) => unknown)
  ? T
  : T extends object
    ? { [Key in keyof T]?: DeepPartial<T[Key]> | undefined }
    : T

export type LoadOptions = {
  /**
   * Folder in which the search for a config starts; it continues in the parent folders. Default: the working directory.
   */
  cwd?: string
  /** Path of the config, relative to `cwd`. Disables the search. */
  file?: string
  /** Merged into the file's config before validation: objects are merged, lists and other values are replaced. */
  overrides?: Overrides
  /** Values of options that the config leaves out. */
  defaults?: Overrides
}

const names = ['media.config.ts', 'media.config.mts', 'media.config.js', 'media.config.mjs']

/**
 * Finds, evaluates and validates the config. Reads a file `.env` beside it first, into the environment of this process;
 * variables that are already set keep their values. Then the environment can override the file, and `overrides` both.
 *
 * @throws MediadError `config.invalid`
 */
export async function loadConfig(options: LoadOptions = {}): Promise<{ config: Config; file: string }> {
  const { cwd = process.cwd(), overrides = {}, defaults = {} } = options
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
  const user = merge(merge(merge(merge(defaults, readAuthorize()), found.user), readEndpoint()), overrides)
  try {
    return { config: checkConfig(user, found.file), file: found.file }
  } catch (error) {
    throw adviseOnEnvironment(error, { cwd: resolve(cwd), file: found.file })
  }

  async function search(from: string) {
    for (const folder of ancestors(resolve(from))) {
      const result = await explorer.search(folder)
      if (result !== null) return { file: result.filepath, user: (result.config as Loaded | undefined)?.user }
    }
    const hint = 'create one, or pass its path with --config FILE'
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

/** Wraps the result of a loader, because cosmiconfig interprets null and a key `$import` in it. */
type Loaded = { user: unknown }

/** Imports the file as it is. cosmiconfig's own loader for TypeScript would write a compiled copy beside the config. */
async function importConfig(file: string): Promise<Loaded> {
  readEnvironment(join(dirname(file), '.env'))
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: unknown }
    return { user: module.default }
  } catch (error) {
    // wrapped, because cosmiconfig interprets a code such as ENOENT as a missing config and continues the search
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
  const advice = adviseOnLoad(file, error)
  const problem = `${toProblem(error)}${findPlace(file, error)}${advice && `. ${advice}`}`
  return new MediadError('config.invalid', `cannot load ${where}: ${problem}`, { cause: error })
}

/**
 * Returns the line of `file` in the stack: the stack of a syntax error starts with it, others have it among the calls.
 */
function findLine(file: string, error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const name of [pathToFileURL(file).href, file]) {
    const [, rest] = stack.split(`${name}:`)
    const line = rest?.match(/^\d+/)?.[0]
    if (line !== undefined) return line
  }
  return undefined
}

function* ancestors(folder: string): Generator<string> {
  yield folder
  if (dirname(folder) !== folder) yield* ancestors(dirname(folder))
}

/** Merges `over` into `base`. Leaves out undefined values, which count as not set. */
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
