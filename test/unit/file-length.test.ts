import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readSources, withoutComments } from '../helpers/imports.ts'
import { suite } from '../helpers/suite.ts'

const all = readSources(join(import.meta.dirname, '../..'), ['daemon', 'plugins'])

const test = suite('length of files')

test('files are short', () => {
  const lengths = all.map(({ file, text }) => ({ file, lines: countLines(withoutComments(text)) }))
  assert.equal(
    lengths.filter(({ lines }) => lines > 250),
    [],
  )
  const sorted = lengths.toSorted((a, b) => a.lines - b.lines)
  const [median, longest] = [sorted[sorted.length >> 1], sorted.at(-1)]
  process.stdout.write(
    `  ${sorted.length} files: median ${median?.lines} lines of code, longest ${longest?.lines} (${longest?.file})\n`,
  )
})

function countLines(text: string): number {
  return text.split('\n').filter((line) => line.trim() !== '').length
}
