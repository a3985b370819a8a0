/** Runs the benchmarks at tiny sizes, so that they work when someone needs them. Their figures mean nothing here. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { measures } from '../bench/measures.ts'
import { suite } from '../helpers/suite.ts'
import { isInTier } from '../helpers/tiers.ts'

const execute = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const test = suite('bench')

/** Cover the daemon, the worker and the site. The others run when this file is named. */
const rest = new Set(['jobs', 'batch', 'pickup', 'presign'])

for (const name of [...measures.keys()].filter((one) => rest.has(one) || isInTier('named'))) {
  test.exhaustive(`${name} prints its table`, async () => {
    const args = ['--conditions=source', 'test/bench/main.ts', name, '--smoke']
    const { stdout } = await execute(process.execPath, args, { cwd: root })
    const rows = stdout
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(2)
    assert.ok(rows.length > 0, stdout)
    for (const row of rows) assert.not.match(row, /NaN|undefined|Infinity/)
  })
}

test('the page has a table for every measure', async () => {
  const page = await readFile(join(root, 'docs/performance.md'), 'utf8')
  const tables = [...page.matchAll(/<!-- bench (\S+) -->/g)].map(([, name]) => name)
  assert.equal(tables, [...measures.keys()])
})
