/** Generates tables of the variables and outputs of Terraform modules. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** Attributes of a block by name. An expression of several lines is on one line; a heredoc is its text. */
export type TerraformBlock = { readonly name: string; readonly attributes: Readonly<Record<string, string>> }

/** Returns a row for each variable of a module: variable, type, default, meaning. */
export function toVariableRows(folder: string): string[][] {
  return readModule(folder, 'variable').map(({ name, attributes: { type, default: value, description } }) => [
    `\`${name}\``,
    toCode(type ?? 'any'),
    value === undefined ? 'required' : toCode(value),
    toMeaning(name, description),
  ])
}

/** Returns a row for each output of a module: output, meaning. */
export function toOutputRows(folder: string): string[][] {
  return readModule(folder, 'output').map(({ name, attributes: { description } }) => [
    `\`${name}\``,
    toMeaning(name, description),
  ])
}

function readModule(folder: string, type: 'variable' | 'output'): TerraformBlock[] {
  const files = globSync('*.tf', { cwd: join(root, folder) }).toSorted()
  return files.flatMap((file) => readBlocks(readFileSync(join(root, folder, file), 'utf8'), type))
}

/** Reads the blocks of a type from text in the layout of `terraform fmt`: attributes of a block are indented by two spaces. */
export function readBlocks(text: string, type: 'variable' | 'output'): TerraformBlock[] {
  const blocks = text.matchAll(new RegExp(`^${type} "(\\w+)" \\{\\n([^]*?)^\\}$`, 'gm'))
  return Array.from(blocks, ([, name = '', body = '']) => ({ name, attributes: toAttributes(body) }))
}

function toAttributes(body: string): Record<string, string> {
  // a line that is indented further, or closes a bracket, continues the attribute before it
  const found = body.matchAll(/^ {2}(\w+) += (.*(?:\n(?: {3,}.*| {2}[\])}].*| {2}EOT|(?=\n {3,}\S)))*)/gm)
  return Object.fromEntries(Array.from(found, ([, name = '', value = '']) => [name, toValue(value)]))
}

function toValue(value: string): string {
  const [first = '', ...more] = value.split('\n').map((line) => line.trim())
  if (first === '<<-EOT') return more.slice(0, more.indexOf('EOT')).join('\n')
  return [first, ...more]
    .join('\n')
    .replaceAll(/ +/g, ' ')
    .replaceAll(/(?<=[([{])\n|\n(?=[\])}])/g, ' ')
    .replaceAll('\n', ', ')
}

/** Returns the first sentence of a description. */
function toMeaning(name: string, description: string | undefined): string {
  if (description === undefined) throw new Error(`${name} has no description`)
  const text = description.startsWith('"') ? (JSON.parse(description) as string) : description.replaceAll('\n', ' ')
  const [sentence] = /^.*?\.(?=\s|$)/.exec(text) ?? []
  if (sentence === undefined) throw new Error(`the description of ${name} is not a sentence: ${text}`)
  return escape(sentence)
}

const toCode = (text: string) => `\`${escape(text)}\``

/** A pipe would end the cell of a table. */
const escape = (text: string) => text.replaceAll('|', '\\|')
