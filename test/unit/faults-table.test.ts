import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const test = suite('faults table')

test('every case names an existing test', () => {
  const cells = read('test/faults/README.md')
    .split('\n')
    .filter((line) => /^\| [PQSN]\d/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  assert.ok(cells.length > 80, `${cells.length} cases`)
  const missing = cells.filter(([, , , file = '', name = '']) => !read(file).includes(name))
  assert.equal(missing, [])
})

test('every test named in the crash table of docs/delivery.md exists', () => {
  const section = /^## Crash windows$([^]*?)^## /m.exec(read('docs/delivery.md'))?.[1] ?? ''
  const references = [...section.matchAll(/`(test\/[\w/.-]+\.test\.ts)`: ([^|;]+?)(?=\s*[|;])/g)]
  assert.ok(references.length >= 14, `${references.length} references`)
  for (const [, file = '', name = ''] of references) assert.ok(read(file).includes(name), `${file} has no "${name}"`)
})
