import { globSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'

export type Import = {
  readonly file: string
  readonly line: number
  /** A file of the repository, a package's name, or `node:…`. */
  readonly target: string
  /** Gone when the types are. */
  readonly typeOnly: boolean
  /** Happens when the code around it runs, if at all. */
  readonly dynamic: boolean
}

export type SourceFile = { readonly file: string; readonly text: string; readonly imports: readonly Import[] }

/** Every TypeScript file in these folders of the repository, with what it imports. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root })).toSorted()
  return files.map((file) => toSourceFile(file, readFileSync(posix.join(root, file), 'utf8')))
}

export function toSourceFile(file: string, text: string): SourceFile {
  return { file, text, imports: readImports(file, text) }
}

/**
 * `import`, `import type`, `export … from`, `import '…'`, `import('…')` (also as a type), `import.meta.resolve('…')`, and
 * what `createRequire` made. Statements start a line, as the formatter leaves them.
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

/** Whether a target is neither a file of the repository nor a part of Node. */
export function isPackage(target: string): boolean {
  return !isFile(target) && !target.startsWith('node:')
}

/** Lines that are nothing but comment become empty; the numbers of all others stay. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^[ \t]*(?:\/\/|\/\*|\*).*$/gm, '')
}

/** What the package's own name leads to, as in package.json. */
const ownNames: Readonly<Record<string, string>> = { mediad: 'daemon/index.ts', 'mediad/plugins': 'plugins/index.ts' }

function toTarget(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(file), specifier)
  if (specifier.startsWith('node:')) return specifier
  if (Object.hasOwn(ownNames, specifier)) return ownNames[specifier] ?? specifier
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** The layer of a file: that of the longest start of its path which is listed; -1 for none. */
export function layerOf(file: string, layers: readonly (readonly string[])[]): number {
  const starts = layers.flatMap((list, layer) => list.map((start) => ({ start, layer })))
  const fitting = starts.filter(({ start }) => file.startsWith(start))
  return fitting.toSorted((a, b) => b.start.length - a.start.length)[0]?.layer ?? -1
}

/** Imports that point up, and files that nobody has given a place. Lowest layer first. */
export function findLayerViolations(sources: readonly SourceFile[], layers: readonly (readonly string[])[]): string[] {
  const homeless = sources
    .filter(({ file }) => layerOf(file, layers) === -1)
    .map(({ file }) => `${file} is in no layer`)
  const isUp = ({ file, target }: Import) => isFile(target) && layerOf(target, layers) > layerOf(file, layers)
  return [...homeless, ...findImports(sources, isUp)]
}

/** The imports that are `wrong`, as `file:line → target`. */
export function findImports(sources: readonly SourceFile[], wrong: (one: Import) => boolean): string[] {
  const found = sources.flatMap(({ imports }) => imports.filter(wrong))
  return found.map(({ file, line, target }) => `${file}:${line} → ${target}`)
}

/** Groups of files that can all reach each other. With `types`, also by imports that vanish with the types. */
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

/** Which files import which package; those that need only its types are marked `(types)`. */
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

/** The files whose code, comments aside, has something like this. */
export function findText(sources: readonly SourceFile[], pattern: RegExp): string[] {
  return sources.filter(({ text }) => withoutComments(text).search(pattern) !== -1).map(({ file }) => file)
}

const isFile = (target: string): boolean => target.endsWith('.ts')
