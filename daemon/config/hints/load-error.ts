import { dirname, join } from 'node:path'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toMessage } from '../../vocabulary/errors.ts'
import { findPackage, findSource, quoteWord } from './package.ts'

/**
 * Returns what to change in a config, or in a plugin that it imports, that Node cannot load; an empty string if there is no
 * better advice than Node's message.
 */
export function adviseOnLoad(file: string, error: unknown): string {
  if (!(error instanceof Error)) return ''
  const { message } = error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') return adviseOnSyntax(message)
  if (error instanceof SyntaxError && message === 'Invalid or unexpected token') return adviseOnDecorator(file)
  if (/outside a module|top level bodies of modules|Unexpected token 'export'/.test(message)) {
    const manifest = findManifest(dirname(file))
    const where = manifest === undefined ? 'a package.json beside it' : manifest
    return `It is loaded as CommonJS. Set "type": "module" in ${where}, or rename the file to end in .mts or .mjs`
  }
  if (/^(?:require|module|exports|__dirname|__filename) is not defined in ES module scope/.test(message))
    return 'It is an ES module: use import instead of require, export default instead of module.exports'
  if (code === 'ERR_MODULE_NOT_FOUND') return adviseOnMissing(file, message)
  return ''
}

/**
 * Returns the message of an error without its last period, and without Node's advice to make a file CommonJS, which
 * contradicts {@link adviseOnLoad}.
 */
export function toProblem(error: unknown): string {
  return toMessage(error)
    .replace(/\nThis file is being treated as an ES module[^]*$/, '')
    .replace(/, you can use import instead$/, '')
    .replace(/\.$/, '')
}

/** Returns the place of a syntax error in another file than the config, such as a plugin. */
export function findPlace(file: string, error: unknown): string {
  const [, url = '', line] = /^(file:\S+?):(\d+)\n/.exec(error instanceof Error ? (error.stack ?? '') : '') ?? []
  if (url === '' || fileURLToPath(url) === file) return ''
  return ` (${fileURLToPath(url)}, line ${line})`
}

const STRIPPED = 'Node removes the types of TypeScript and compiles nothing else'

function adviseOnSyntax(message: string): string {
  if (/\benum\b/.test(message)) return `${STRIPPED}. Use a union of strings or an object with "as const"`
  if (/parameter property/.test(message)) return `${STRIPPED}. Declare the field and assign it in the constructor`
  return STRIPPED
}

/** V8 reports no line of this error. A decorator is its usual cause: Node's parser for TypeScript accepts it. */
function adviseOnDecorator(file: string): string {
  const code = readFileSync(file, 'utf8').replaceAll(NOT_CODE, (text) => text.replaceAll(/[^\n]/g, ' '))
  const at = code.split('\n').findIndex((line) => /(?<![\w$.])@[\w$(]/.test(line))
  if (at === -1) return 'If a file that it imports has a decorator (@name), remove it: Node has none'
  return `Line ${at + 1} has a decorator, which Node does not support. ${STRIPPED}`
}

/** Comments and strings, which can contain an `@`. */
const NOT_CODE = /\/\*[^]*?\*\/|\/\/.*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g

function adviseOnMissing(file: string, message: string): string {
  if (/package 'mediad'/.test(message)) return `Install it in the folder of the config: ${toInstall(dirname(file))}`
  if (/^Cannot find module '[^']*\/[^'/.]+'/.test(message))
    return "Imports of your own files need the extension: import … from './plugin.ts'"
  return ''
}

function toInstall(folder: string): string {
  const { spec, clone } = findSource(findPackage(), folder)
  if (clone === undefined) return `npm install ${/^[*^]/.test(spec) ? 'mediad' : quoteWord(spec)}`
  return `npm --prefix ${quoteWord(clone)} run build && npm install ${quoteWord(spec)}`
}

function findManifest(folder: string): string | undefined {
  const file = join(folder, 'package.json')
  if (existsSync(file)) return file
  return dirname(folder) === folder ? undefined : findManifest(dirname(folder))
}
