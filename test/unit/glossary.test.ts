/** Compares the glossary of docs/architecture.md with the code. */
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { readSources } from '../helpers/imports.ts'
import { readDocs, toCodes } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const sources = readSources(root, ['daemon', 'plugins'])
const { rows } = readDocs(root).table('docs/architecture.md', 'word')
const test = suite('glossary')

test('each word is listed once, with its meaning', () => {
  const words = rows.map(([word = '']) => word)
  assert.equal(words, [...new Set(words)])
  assert.equal(
    rows.filter(([, meaning = '']) => !/^[A-Z].*\.$/.test(meaning)),
    [],
  )
})

test('the names in the code column are exported by exactly one file', () => {
  const exports = sources.flatMap(({ text }) =>
    Array.from(text.matchAll(/^export (?:async )?(?:type|const|function|class) (\w+)/gm), ([, name = '']) => name),
  )
  for (const name of rows.flatMap(([, , names = '']) => toCodes(names)))
    assert.is(exports.filter((one) => one === name).length, 1, name)
})

test('no two files of the daemon, and none of its client, export a type of the same name', () => {
  const types = sources
    .filter(({ file }) => file.startsWith('daemon/') && !file.startsWith('daemon/local/'))
    .flatMap(({ file, text }) =>
      Array.from(text.matchAll(/^export type (\w+) =/gm), ([, name = '']) => ({
        file,
        name: file.startsWith('daemon/client/') ? `client ${name}` : name,
      })),
    )
  const duplicates = Object.values(Object.groupBy(types, ({ name }) => name)).filter((files = []) => files.length > 1)
  assert.equal(duplicates, [])
})
