import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { windows } from '../faults/windows.ts'
import { suite } from '../helpers/suite.ts'
import { isEmptyIn, isQuickTest } from '../helpers/tiers.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const test = suite('the quick run')

test('starts no file whose suites are all exhaustive', () => {
  const exhaustive = `const test = suite('a', { timeoutSeconds: 5, exhaustive: true })`
  assert.ok(isEmptyIn('quick', exhaustive))
  assert.ok(isEmptyIn('quick', `addRows(suite(\`a \${name}\`, { exhaustive: true }), {`))
  assert.not.ok(isEmptyIn('quick', `${exhaustive}\nconst other = suite('b')`))
  assert.not.ok(isEmptyIn('quick', `const test = suite('a')\ntest.exhaustive('b', () => {})`))
  assert.not.ok(isEmptyIn('quick', 'const suites = []'), 'a file whose suites cannot be found is started')
  assert.not.ok(isEmptyIn('all', exhaustive))
})

test('leaves files with exhaustive tests to the rest', () => {
  assert.ok(isEmptyIn('rest', `const test = suite('a')\ntest('b', () => {})`))
  assert.not.ok(isEmptyIn('rest', `test.exhaustive('b', () => {})`))
  assert.not.ok(isEmptyIn('rest', `addRows(suite('a'), {\n  quick: ['b.mp4'],`))
})

test('recognizes quick tests', () => {
  const text = `test('one', () => {})\n\nrow.exhaustive(\n  'another one', async () => {\n`
  assert.ok(isQuickTest(text, 'one'))
  assert.not.ok(isQuickTest(text, 'another one'))
  assert.not.ok(isQuickTest(`suite('a', { exhaustive: true })\n${text}`, 'one'))
})

test('has a test for every case in test/faults/README.md', () => {
  const cases = new Map<string, boolean>()
  for (const line of read('test/faults/README.md').split('\n')) {
    const [, id = '', , file = '', name = ''] = line.split('|').map((cell) => cell.trim())
    if (!/^[PQSN]\d+$/.test(id)) continue
    cases.set(id, cases.get(id) === true || isQuickTest(read(file), name))
  }
  assert.ok(cases.size > 50, `${cases.size} cases`)
  assert.equal(
    [...cases].filter(([, isQuick]) => !isQuick).map(([id]) => id),
    [],
  )
})

test('kills or stops a daemon in every crash window of docs/delivery.md', () => {
  const section = /^## Crash windows$([^]*?)^## /m.exec(read('docs/delivery.md'))?.[1] ?? ''
  const rows = section.split('\n').filter((line) => /`test\/[^`]+\.test\.ts`/.test(line))
  assert.ok(rows.length >= 14, `${rows.length} windows`)
  const missing = rows.filter((row) => !isStoppedIn(row.split('|').at(-2) ?? ''))
  assert.equal(missing, [])
})

/**
 * @param reference as on the page: the file, the title of the test, and for explorations the calls before or after which the
 *   daemon dies
 */
function isStoppedIn(reference: string): boolean {
  const [, file = '', name = '', where = ''] = /`(test\/[\w/.-]+)`: ([^;]+?)\s*(?:;(.*))?$/.exec(reference) ?? []
  const text = read(file)
  if (!isQuickTest(text, name)) return false
  const play = /^[^]*?(?:windows\.(\w+)|\nrow)/.exec(text.slice(text.indexOf(name)))?.[1]
  if (play === undefined) return true
  const stops = windows[play as keyof typeof windows]
  // "before and after each step of it" refers to a multipart upload
  const calls = where.includes('each step') ? ['after `UploadPart`'] : (where.match(/(?:before|after) `[^`]+`/g) ?? [])
  return calls.some((call) => {
    const [, when, label = ''] = /^(\w+) `([^`]+)`$/.exec(call) ?? []
    return stops.some((stop) => stop.when === when && stop.label.includes(label))
  })
}

test('has a row for every family of synthetic media', () => {
  const folder = 'test/media/synthetic'
  const sources = globSync(`${folder}/*.ts`, { cwd: root }).map(read)
  const families = sources.flatMap((text) =>
    Array.from(text.matchAll(/^export const (\w+): Makers\b/gm), ([, name]) => name),
  )
  assert.ok(families.length >= 20, families.join())
  const tests = globSync('test/media/*.test.ts', { cwd: root }).map(read)
  const quick = tests.filter((text) => !isEmptyIn('quick', text)).join('\n')
  const tables = quick.split(/\baddRows\(/).map((text) => /\bmakers: (.*),\n/.exec(text)?.[1] ?? '')
  const missing = families.filter((name) => !tables.some((makers) => makers.split(/\W+/).includes(name ?? '')))
  assert.equal(missing, [], 'no table of a quick file uses them')
})
