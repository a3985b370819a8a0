/** `mediad/client` runs in browsers, which have neither packages nor modules of Node; its errors are documented. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findImports, readSources, type Import } from '../helpers/imports.ts'
import { readDocs, toCodes } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const client = readSources(root, ['daemon/client'])
const test = suite('client imports')

test('the client imports nothing at run time, and only types of the vocabulary', () => {
  assert.ok(client.length > 5)
  assert.equal(findImports(client, isForeign), [])
})

test('docs/client.md lists the codes of the client', () => {
  const { rows } = readDocs(root).table('docs/client.md', 'code')
  const used = client.flatMap(({ text }) => Array.from(text.matchAll(/'(client\.\w+)'/g), ([, code]) => code))
  const internal = 'client.no_stream' // the client then polls
  assert.equal(
    rows.flatMap(([code = '']) => toCodes(code)).toSorted(),
    [...new Set(used)].filter((code) => code !== internal).toSorted(),
  )
})

function isForeign({ target, typeOnly }: Import): boolean {
  const isOwn = target.startsWith('daemon/client/')
  return !isOwn && !(typeOnly && target.startsWith('daemon/vocabulary/'))
}
