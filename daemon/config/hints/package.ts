import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { toMessage } from '../../vocabulary/errors.ts'

/** The package of mediad that runs. */
export type Installed = {
  /** Its folder. */
  readonly root: string
  readonly version: string
}

/** Finds the `package.json` of mediad. The version is `unknown` if there is none, as in a bundle. */
export function findPackage(): Installed {
  // the package's root is three folders above the source file, and four above the published file
  for (const up of ['../../..', '../../../..']) {
    const root = resolve(import.meta.dirname, up)
    const manifest = readJson(join(root, 'package.json')) as { name?: string; version?: string } | undefined
    if (manifest?.name === 'mediad') return { root, version: manifest.version ?? 'unknown' }
  }
  return { root: import.meta.dirname, version: 'unknown' }
}

/** How another folder installs the mediad that runs. */
export type InstallSource = {
  /** Version, path or URL, as in the `dependencies` of a `package.json`. */
  readonly spec: string
  /** Folder of the clone that it runs from, relative to the other folder, unless it is an installed package. */
  readonly clone?: string
}

/**
 * Returns from where a package in `folder` can install mediad: from the tarball, the folder or the repository that it was
 * installed from itself, or from the clone that it runs from. Without either it is the version, for a registry.
 */
export function findSource({ root, version }: Installed, folder: string): InstallSource {
  const projects = [...ancestors(root)].filter((path) => basename(path) === 'node_modules').map((path) => dirname(path))
  if (projects.length === 0 && version !== 'unknown') {
    const clone = relative(folder, root) || '.'
    return { spec: `file:${clone}`, clone }
  }
  for (const project of projects) {
    const spec = readSpec(project)
    if (spec === undefined) continue
    const path = toPath(spec)
    if (path !== undefined) return { spec: `file:${relative(folder, resolve(project, path))}` }
    if (/[:/]/.test(spec) && !/^(?:npm|workspace|catalog):/.test(spec)) return { spec }
  }
  return { spec: version === 'unknown' ? '*' : `^${version}` }
}

/** Quotes a word of a command for a shell, if necessary. */
export function quoteWord(word: string): string {
  return /^[\w./:@+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** Returns what a project declares for mediad or, if it declares nothing, what npm has installed there from elsewhere. */
function readSpec(project: string): string | undefined {
  const manifest = readJson(join(project, 'package.json')) as Manifest | undefined
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
    const spec = manifest?.[kind]?.mediad
    if (spec !== undefined) return spec
  }
  for (const file of ['node_modules/.package-lock.json', 'package-lock.json']) {
    const lock = readJson(join(project, file)) as Lock | undefined
    const resolved = lock?.packages?.['node_modules/mediad']?.resolved
    if (resolved !== undefined && /^(?:file:|git\+)/.test(resolved)) return resolved
  }
  return undefined
}

type Manifest = Partial<Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Record<string, string>>>
type Lock = { packages?: Record<string, { resolved?: string }> }

/** Returns the path in a spec that is a file or a folder. */
function toPath(spec: string): string | undefined {
  if (spec.startsWith('file:')) return expandHome(spec.slice('file:'.length).replace(/^\/\/(?=\/)/, ''))
  return /^(?:\.{0,2}\/|~\/)/.test(spec) || /^[^:]+\.(?:tgz|tar|tar\.gz)$/.test(spec) ? expandHome(spec) : undefined
}

const expandHome = (path: string): string => path.replace(/^~(?=\/)/, homedir())

function readJson(file: string): unknown {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`cannot read ${file}: ${toMessage(error)}`, { cause: error })
  }
}

function* ancestors(folder: string): Generator<string> {
  yield folder
  if (dirname(folder) !== folder) yield* ancestors(dirname(folder))
}
