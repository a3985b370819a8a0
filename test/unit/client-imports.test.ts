/** `mediad/client` runs in browsers, which have neither packages nor modules of Node. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findImports, readSources, type Import } from '../helpers/imports.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const test = suite('client imports')

test('the client imports nothing at run time, and only types of the vocabulary', () => {
  const client = readSources(root, ['daemon/client'])
  assert.ok(client.length > 5)
  assert.equal(findImports(client, isForeign), [])
})

function isForeign({ target, typeOnly }: Import): boolean {
  const isOwn = target.startsWith('daemon/client/')
  return !isOwn && !(typeOnly && target.startsWith('daemon/vocabulary/'))
}
