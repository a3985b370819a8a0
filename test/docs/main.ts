/** `npm run docs`: writes the generated tables of the documentation. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pages, renderTables } from './tables.ts'

for (const page of pages) {
  const path = join(import.meta.dirname, '../..', page)
  writeFileSync(path, renderTables(readFileSync(path, 'utf8')))
}
