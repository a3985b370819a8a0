import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const test = suite('the table of faults')

test('every case names a test that is there', () => {
  const cells = read('test/faults/README.md')
    .split('\n')
    .filter((line) => /^\| [PQSN]\d/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  assert.ok(cells.length > 80, `${cells.length} cases`)
  const missing = cells.filter(([, , , file = '', name = '']) => !read(file).includes(name))
  assert.equal(missing, [])
})

test('every test of the crash table in docs/delivery.md is there', () => {
  const section = /^## Crash windows$([^]*?)^## /m.exec(read('docs/delivery.md'))?.[1] ?? ''
  const proofs = [...section.matchAll(/`(test\/[\w/.-]+\.test\.ts)`: ([^|;]+?)(?=\s*[|;])/g)]
  assert.ok(proofs.length >= 14, `${proofs.length} proofs`)
  for (const [, file = '', name = ''] of proofs) assert.ok(read(file).includes(name), `${file} has no "${name}"`)
})
