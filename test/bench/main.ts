/**
 * `npm run bench`: measures mediad, and compares it with other programs that do the same work, side by side in one run. Prints
 * a table for each measure.
 *
 *     npm run bench                        all measures, which takes an hour on two cores
 *     npm run bench -- batch pickup        only these
 *     npm run bench -- --smoke             all with tiny sizes: the figures mean nothing
 *     npm run bench -- --write             also writes the tables to docs/performance.md
 */
import { rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { temporaryFolder } from '../helpers/folder.ts'
import { describeMachine } from './machine.ts'
import { measures } from './measures.ts'
import { killDescendants } from './processes.ts'
import { build } from './site.ts'
import { insertTable, toTable } from './report.ts'

const page = join(import.meta.dirname, '../../docs/performance.md')
const { values, positionals } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => !measures.has(name))
if (unknown.length > 0) {
  console.error(`There is no measure ${unknown.join(', ')}. The measures are: ${[...measures.keys()].join(', ')}`)
  process.exit(2)
}
await using folder = await temporaryFolder()
process.env.TMPDIR = folder.path
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    killDescendants()
    // what they were writing can still appear
    rmSync(folder.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })
if (!values.smoke) build()
console.log(await describeMachine())
for (const [name, { full, smoke }] of measures) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const results = await (values.smoke ? smoke() : full())
  const table = toTable(results)
  console.log(`\n${name}\n${table}`)
  if (!values.write) continue
  const text = await readFile(page, 'utf8')
  const command = `npm run bench -- ${name}${values.smoke ? ' --smoke' : ''}`
  await writeFile(page, insertTable(text, name, `\`${command}\` on ${await describeMachine()}:\n\n${table}`))
}
