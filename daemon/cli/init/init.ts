import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { MediadError, toMessage } from '../../vocabulary/errors.ts'
import { quote } from '../../programs/shell.ts'
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
export async function init(terminal: Pick<Terminal, 'print'>, { folder, version }: Request): Promise<0> {
  const root = resolve(folder)
  const templates = createTemplates({ name: toPackageName(basename(root)), version })
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
  const next = toNextCommands(root)
  terminal.print(`\nNext: ${next.join(' && ')}`, { next })
  return 0
}

type Request = {
  folder: string
  /** Version of mediad that the package depends on. */
  version: string
}

/** Node takes a config in a package of the type `commonjs`, the default of `npm init`, for CommonJS. */
async function assertModule(file: string): Promise<void> {
  const { type } = await readPackage(file)
  if (type === 'module') return
  const advice = 'Set it with: npm pkg set type=module'
  throw new MediadError('config.invalid', `${file} has no "type": "module", which the config needs. ${advice}`)
}

async function readPackage(file: string): Promise<{ type?: unknown }> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { type?: unknown }
  } catch (error) {
    throw new MediadError('config.invalid', `cannot read ${file}: ${toMessage(error)}`, { cause: error })
  }
}

function toNextCommands(root: string): string[] {
  const enter = relative('', root) === '' ? [] : [`cd ${quotePath(relative('', root))}`]
  const install = existsSync(join(root, 'node_modules/mediad')) ? [] : ['npm install']
  return [...enter, ...install, 'npx mediad start --local']
}

/** Quotes a path for a shell if necessary. */
function quotePath(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : quote(path)
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
