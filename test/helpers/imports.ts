import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

export type Import = {
  readonly file: string
  readonly line: number
  /** A file of the repository, a package name, or `node:…`. */
  readonly target: string
  /** True when type stripping removes the import. */
  readonly typeOnly: boolean
  /** True for `import()` and `require()`, which run with the code around them. */
  readonly dynamic: boolean
}

export type SourceFile = { readonly file: string; readonly text: string; readonly imports: readonly Import[] }

/** Reads every TypeScript file in these folders of the repository, and its imports. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root })).toSorted()
  return files.map((file) => toSourceFile(file, readFileSync(posix.join(root, file), 'utf8')))
}

export function toSourceFile(file: string, text: string): SourceFile {
  return { file, text, imports: readImports(file, text) }
}

/**
 * Finds `import`, `import type`, `export … from`, `import '…'`, `import('…')` (also as a type), `import.meta.resolve('…')`,
 * and calls of a function from `createRequire`. Relies on the formatter: a statement starts on its own line.
 */
function readImports(file: string, text: string): Import[] {
  const code = withoutComments(text)
  const find = (pattern: RegExp, dynamic = false) =>
    [...code.matchAll(pattern)].map((match): Import => {
      const line = code.slice(0, match.index).split('\n').length
      const { specifier = '', type } = match.groups ?? {}
      return { file, line, target: toTarget(file, specifier), typeOnly: type !== undefined, dynamic }
    })
  const required = /\bconst (\w+) = createRequire\(/.exec(code)?.[1] ?? 'require'
  return [
    ...find(/^(?:import|export)\s+(?<type>type\s+(?!from\b))?[\w$*{][^'"`;()=]*?\bfrom\s*(['"])(?<specifier>.+?)\2/gm),
    ...find(/^import\s*(['"])(?<specifier>.+?)\1/gm),
    ...find(/\bimport\s*\(\s*(['"`])(?<specifier>[^'"`$]+)\1/g, true),
    ...find(/\bimport\.meta\.resolve\(\s*(['"`])(?<specifier>[^'"`$]+)\1/g, true),
    ...find(new RegExp(String.raw`\b${required}(?:\.resolve)?\(\s*(['"\`])(?<specifier>[^'"\`$]+)\1`, 'g'), true),
  ].toSorted((a, b) => a.line - b.line)
}

/** Returns whether a target is neither a file of the repository nor a module of Node. */
export function isPackage(target: string): boolean {
  return !isFile(target) && !target.startsWith('node:')
}

/** Empties the lines that contain only a comment. Line numbers stay the same. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^[ \t]*(?:\/\/|\/\*|\*).*$/gm, '')
}

/** The exports of this package, as in package.json. */
const ownNames: Readonly<Record<string, string>> = {
  mediad: 'daemon/index.ts',
  'mediad/client': 'daemon/client/index.ts',
  'mediad/plugins': 'plugins/index.ts',
}

function toTarget(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier)
  if (specifier.startsWith('node:')) return specifier
  if (Object.hasOwn(ownNames, specifier)) return ownNames[specifier] ?? specifier
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Returns the layer whose list contains the longest prefix of the path; -1 when there is none. */
export function layerOf(file: string, layers: readonly (readonly string[])[]): number {
  const starts = layers.flatMap((list, layer) => list.map((start) => ({ start, layer })))
  const fitting = starts.filter(({ start }) => file.startsWith(start))
  return fitting.toSorted((a, b) => b.start.length - a.start.length)[0]?.layer ?? -1
}

/** Returns files without a layer, and imports of a higher layer. `layers` starts with the lowest. */
export function findLayerViolations(sources: readonly SourceFile[], layers: readonly (readonly string[])[]): string[] {
  const unplaced = sources
    .filter(({ file }) => layerOf(file, layers) === -1)
    .map(({ file }) => `${file} is in no layer`)
  const isUp = ({ file, target }: Import) => isFile(target) && layerOf(target, layers) > layerOf(file, layers)
  return [...unplaced, ...findImports(sources, isUp)]
}

/** Returns the imports that `isWrong` accepts, as `file:line → target`. */
export function findImports(sources: readonly SourceFile[], isWrong: (one: Import) => boolean): string[] {
  const found = sources.flatMap(({ imports }) => imports.filter(isWrong))
  return found.map(({ file, line, target }) => `${file}:${line} → ${target}`)
}

/** Returns groups of files that import each other in a cycle. `types` includes type-only imports. */
export function findCycles(sources: readonly SourceFile[], { types }: { types: boolean }): string[][] {
  const counts = (one: Import) => types || !one.typeOnly
  const next = new Map(sources.map(({ file, imports }) => [file, imports.filter(counts).map(({ target }) => target)]))
  const reach = (from: string) => {
    const seen = new Set<string>()
    const left = [from]
    for (let file = left.pop(); file !== undefined; file = left.pop()) {
      const fresh = (next.get(file) ?? []).filter((target) => !seen.has(target))
      for (const target of fresh) seen.add(target)
      left.push(...fresh)
    }
    return seen
  }
  const reached = new Map(sources.map(({ file }) => [file, reach(file)]))
  const groups = sources
    .filter(({ file }) => reached.get(file)?.has(file))
    .map(({ file }) => [...(reached.get(file) ?? [])].filter((other) => reached.get(other)?.has(file)).toSorted())
  return [...new Map(groups.map((group) => [group.join(), group])).values()]
}

/** Returns the files that import each package. Files that import only types are marked `(types)`. */
export function findPackages(sources: readonly SourceFile[]): Record<string, string[]> {
  const packages: Record<string, string[]> = {}
  for (const { file, imports } of sources) {
    for (const target of new Set(imports.map((one) => one.target).filter(isPackage))) {
      const typeOnly = imports.every((one) => one.target !== target || one.typeOnly)
      ;(packages[target] ??= []).push(typeOnly ? `${file} (types)` : file)
    }
  }
  return packages
}

/** Returns the files whose code matches the pattern outside of comments. */
export function findText(sources: readonly SourceFile[], pattern: RegExp): string[] {
  return sources.filter(({ text }) => withoutComments(text).search(pattern) !== -1).map(({ file }) => file)
}

const isFile = (target: string): boolean => /\.tsx?$/.test(target)
