import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFileBench, type FileBench, type Succeeded } from '../helpers/run-file.ts'
import type { Suite } from '../helpers/suite.ts'
import { createFiles, type Makers } from './synthetic/files.ts'
import { checkRow, type Row, type Rows } from './table.ts'

export type Table = {
  makers: Makers
  rows: Rows
  /** What else is looked at, once a row holds. */
  also?: (made: { name: string; path: string; ran: Succeeded | null; bench: FileBench }) => Promise<void>
}

/** Makes a test of every file that is made; a file without a row, or a row without a file, fails. */
export function addRows(test: Suite, { makers, rows, also }: Table): void {
  let bench: FileBench
  let files: (name: string) => Promise<string>
  test.before(async () => {
    bench = await openFileBench()
    files = createFiles(join(bench.folder, 'sources'), makers)
  })
  test.after(async () => bench[Symbol.asyncDispose]())
  test('every file has a row', () => assert.equal(Object.keys(rows).toSorted(), Object.keys(makers).toSorted()))
  for (const [name, row] of Object.entries(rows)) {
    test(`${name}: ${describe(row)}`, async () => {
      const path = await files(name)
      const ran = await checkRow(bench, path, row)
      await also?.({ name, path, ran, bench })
    })
  }
}

function describe({ expect }: Row): string {
  if ('code' in expect) return expect.code
  return expect.size ? expect.size.join('x') : 'sound only'
}
