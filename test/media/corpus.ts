/** Real files by other people, in a folder beside the repository; nothing of them is in it. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFileBench, type FileBench } from '../helpers/run-file.ts'
import type { Suite } from '../helpers/suite.ts'
import { toExhaustive } from './rows.ts'
import { checkRow, type Rows } from './table.ts'

const corpus = join(import.meta.dirname, '../../../shared/corpus')

export type Part = {
  folder: 'valid' | 'malformed'
  /** Which of its files this table is about; default all. */
  covers?: (name: string) => boolean
  rows: Rows
  /** The rows that `npm test` runs; the others are exhaustive. Default: all are quick. */
  quick?: readonly string[]
}

/** A test for every file of a part; a file without a row fails. Without the corpus all of it is skipped, loudly. */
export function addCorpusRows(test: Suite, { folder, covers = () => true, rows, quick }: Part): void {
  const isExhaustive = toExhaustive(rows, quick)
  const path = join(corpus, folder)
  if (!existsSync(path)) return test.skip(`${folder} files`, 'there is no corpus beside the repository')
  let bench: FileBench
  test.before(async () => {
    bench = await openFileBench()
  })
  test.after(async () => bench[Symbol.asyncDispose]())
  test('every file has a row', () => {
    assert.equal(Object.keys(rows).toSorted(), readdirSync(path).filter(covers).toSorted())
  })
  for (const [name, row] of Object.entries(rows))
    test(name, async () => void (await checkRow(bench, join(path, name), row)), { exhaustive: isExhaustive(name) })
}
