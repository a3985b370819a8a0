import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openFileBench, type FileBench, type Succeeded } from '../helpers/run-file.ts'
import type { Suite } from '../helpers/suite.ts'
import { createFiles, type Makers } from './synthetic/files.ts'
import { checkRow, type Row, type Rows } from './table.ts'

export type Table = {
  makers: Makers
  rows: Rows
  /** The rows that `npm test` runs, one for each rule; the others are exhaustive. Default: all are quick. */
  quick?: readonly string[]
  /** What else is looked at, once a row holds. */
  also?: (made: { name: string; path: string; ran: Succeeded | null; bench: FileBench }) => Promise<void>
}

/** Makes a test of every file that is made; a file without a row, or a row without a file, fails. */
export function addRows(test: Suite, { makers, rows, quick, also }: Table): void {
  const isExhaustive = toExhaustive(rows, quick)
  let bench: FileBench
  let files: (name: string) => Promise<string>
  test.before(async () => {
    bench = await share()
    files = sourcesOf(bench, makers)
  })
  test.after(leave)
  let runs = test('every file has a row', () =>
    assert.equal(Object.keys(rows).toSorted(), Object.keys(makers).toSorted()))
  for (const [name, row] of Object.entries(rows)) {
    const look = async () => {
      const path = await files(name)
      const ran = await checkRow(bench, path, row)
      await also?.({ name, path, ran, bench })
    }
    runs = test(`${name}: ${describe(row)}`, look, { exhaustive: isExhaustive(name) }) || runs
  }
  if (runs) tables++
}

/** One bench for all tables of a file: it asks ffmpeg what it can, and the same sources are made once. */
let shared: Promise<FileBench> | undefined
/** Tables that run and are not done. */
let tables = 0
const sources = new Map<Makers, (name: string) => Promise<string>>()

const share = () => (shared ??= openFileBench())

function sourcesOf(bench: FileBench, makers: Makers): (name: string) => Promise<string> {
  const files = sources.get(makers) ?? createFiles(join(bench.folder, `sources-${sources.size}`), makers)
  sources.set(makers, files)
  return files
}

async function leave(): Promise<void> {
  if (--tables === 0) await (await share())[Symbol.asyncDispose]()
}

/**
 * Tells which rows of a table are exhaustive.
 * @throws Error when a table has no quick row, or names one that it does not have
 */
export function toExhaustive(rows: Rows, quick: readonly string[] = Object.keys(rows)): (name: string) => boolean {
  const unknown = quick.filter((name) => !(name in rows))
  if (quick.length === 0 || unknown.length > 0) throw new Error(`quick rows without a row: ${unknown.join()}`)
  return (name) => !quick.includes(name)
}

function describe({ expect }: Row): string {
  if ('code' in expect) return expect.code
  return expect.size ? expect.size.join('x') : 'sound only'
}
