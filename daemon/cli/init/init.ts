import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'
import { findSource, quoteWord, type Installed, type InstallSource } from '../../config/hints/package.ts'
import { toPlain } from '../../terminal/table.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { createTemplates } from './templates.ts'

/**
 * `mediad init [FOLDER]`: writes a config, a plugin and what they need to run. It replaces no file. A `package.json` is kept,
 * because `npm install mediad` creates one.
 *
 * @throws MediadError `config.invalid` if one of the other files exists, or the folder is not for ES modules; nothing is
 * written then
 */
export async function init(terminal: Pick<Terminal, 'print'>, { folder, installed }: Request): Promise<0> {
  const root = resolve(folder)
  const source = findSource(installed, root)
  const templates = createTemplates({ name: toPackageName(basename(root)), spec: source.spec })
  const existing = templates.filter(({ path }) => existsSync(join(root, path))).map(({ path }) => path)
  const hasPackage = existing.includes('package.json')
  const taken = existing.filter((path) => path !== 'package.json')
  if (taken.length > 0) {
    const advice = 'Choose an empty folder: mediad init FOLDER'
    throw new MediadError('config.invalid', `${root} already contains ${taken.join(', ')}. ${advice}`)
  }
  if (hasPackage) await assertModule(join(root, 'package.json'))
  for (const { path, text } of templates) {
    if (hasPackage && path === 'package.json') continue
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text, { flag: 'wx' })
    terminal.print(`✔ ${toPlain(join(relative('', root), path))}`, { file: join(root, path) })
  }
  const next = toNextCommands(root, source, await readPackage(join(root, 'package.json')))
  terminal.print(`\nNext: ${next.join(' && ')}`, { next })
  return 0
}

type Request = {
  folder: string
  /** The mediad that runs; the new package depends on it. */
  installed: Installed
}

/** Node takes a config in a package of the type `commonjs`, the default of `npm init`, for CommonJS. */
async function assertModule(file: string): Promise<void> {
  const { type } = await readPackage(file)
  if (type === 'module') return
  const advice = 'Set it with: npm pkg set type=module'
  throw new MediadError('config.invalid', `${file} has no "type": "module", which the config needs. ${advice}`)
}

async function readPackage(file: string): Promise<Package> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Package
  } catch (error) {
    throw new MediadError('config.invalid', `cannot read ${file}: ${toMessage(error)}`, { cause: error })
  }
}

type Package = { type?: unknown; dependencies?: object; devDependencies?: object; optionalDependencies?: object }

/** A package of the user's own can lack mediad, and what the tsconfig.json needs. */
function toNextCommands(root: string, { spec, clone }: InstallSource, manifest: Package): string[] {
  const declared = { ...manifest.optionalDependencies, ...manifest.devDependencies, ...manifest.dependencies }
  const isMissing = (name: string) => !Object.hasOwn(declared, name)
  const path = relative('', root)
  const isInstalled = existsSync(join(root, 'node_modules/mediad'))
  const mediad = isMissing('mediad') ? ` ${quoteWord(spec.startsWith('file:') ? spec : `mediad@${spec}`)}` : ''
  const types = ['typescript', '@types/node'].filter(isMissing)
  return [
    ...(path === '' ? [] : [`cd ${quoteWord(path)}`]),
    // the package in a clone is what the last build made of it
    ...(clone === undefined || isInstalled ? [] : [`npm --prefix ${quoteWord(clone)} run build`]),
    ...(isInstalled ? [] : [`npm install${mediad}`]),
    ...(types.length === 0 ? [] : [`npm install --save-dev ${types.join(' ')}`]),
    'npx mediad start --local',
  ]
}

/** Returns a name that npm accepts. */
function toPackageName(name: string): string {
  return (
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]+/g, '-')
      .replaceAll(/^-+|-+$/g, '') || 'media'
  )
}
