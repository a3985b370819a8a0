import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFileBench, type FileBench, type Succeeded } from '../helpers/run-file.ts'
import type { Suite } from '../helpers/suite.ts'
import { createFiles, type Makers } from './synthetic/files.ts'
import { checkRow, type Row, type Rows } from './table.ts'

export type Table = {
  makers: Makers
  rows: Rows
  /** The rows that `npm test` runs, at least one for each rule. The others are exhaustive. Default: all are quick. */
  quick?: readonly string[]
  /** A further check, after that of the row. `result` is null for a rejected file. */
  also?: (file: { name: string; path: string; result: Succeeded | null; bench: FileBench }) => Promise<void>
}

/** Adds a test for each row. A file without a row and a row without a file fail. */
export function addRows(test: Suite, { makers, rows, quick, also }: Table): void {
  const isExhaustive = toExhaustive(rows, quick)
  let bench: FileBench
  let files: (name: string) => Promise<string>
  test.before(async () => {
    bench = await openShared()
    files = sourcesOf(bench, makers)
  })
  test.after(closeShared)
  let runs = test('every file has a row', () =>
    assert.equal(Object.keys(rows).toSorted(), Object.keys(makers).toSorted()))
  for (const [name, row] of Object.entries(rows)) {
    const check = async () => {
      const path = await files(name)
      const result = await checkRow(bench, path, row)
      await also?.({ name, path, result, bench })
    }
    runs = test(`${name}: ${describe(row)}`, check, { exhaustive: isExhaustive(name) }) || runs
  }
  if (runs) tables++
}

/** One bench for all tables of a test file, so that ffmpeg is queried once, and each source is created once. */
let shared: Promise<FileBench> | undefined
/** The number of tables that are not finished. */
let tables = 0
const sources = new Map<Makers, (name: string) => Promise<string>>()

const openShared = () => (shared ??= openFileBench())

function sourcesOf(bench: FileBench, makers: Makers): (name: string) => Promise<string> {
  const files = sources.get(makers) ?? createFiles(join(bench.folder, `sources-${sources.size}`), makers)
  sources.set(makers, files)
  return files
}

async function closeShared(): Promise<void> {
  if (--tables === 0) await (await openShared())[Symbol.asyncDispose]()
}

/**
 * Returns a predicate for the exhaustive rows of a table.
 * @throws Error when a table has no quick row, or names one that does not exist
 */
export function toExhaustive(rows: Rows, quick: readonly string[] = Object.keys(rows)): (name: string) => boolean {
  const unknown = quick.filter((name) => !(name in rows))
  if (quick.length === 0 || unknown.length > 0) throw new Error(`quick rows without a row: ${unknown.join()}`)
  return (name) => !quick.includes(name)
}

function describe({ expect }: Row): string {
  if ('code' in expect) return expect.code
  return expect.size ? expect.size.join('x') : 'audio only'
}
