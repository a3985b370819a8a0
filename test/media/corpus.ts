/** Tests of third-party files, which are in a folder beside the repository and not part of it. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFileBench, type FileBench } from '../helpers/run-file.ts'
import type { Suite } from '../helpers/suite.ts'
import { toExhaustive } from './rows.ts'
import { checkRow, type Rows } from './table.ts'

const corpus = join(import.meta.dirname, '../../../shared/corpus')

export type CorpusTable = {
  folder: 'valid' | 'malformed'
  /** Selects the files of the folder that this table is about; default all. */
  covers?: (name: string) => boolean
  rows: Rows
  /** The rows that `npm test` runs; the others are exhaustive. Default: all are quick. */
  quick?: readonly string[]
}

/** Adds a test for each row. A file without a row fails. Without the corpus, the tests are reported as skipped. */
export function addCorpusRows(test: Suite, { folder, covers = () => true, rows, quick }: CorpusTable): void {
  const isExhaustive = toExhaustive(rows, quick)
  const path = join(corpus, folder)
  if (!existsSync(path)) return test.skip(`${folder} files`, 'no corpus beside the repository')
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
