import { existsSync, globSync, readFileSync } from 'node:fs'
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

test('leaves files that have to be named out of both runs', () => {
  const named = `const test = suite('a', { exhaustive: 'named' })`
  assert.ok(isEmptyIn('quick', named) && isEmptyIn('rest', named))
  assert.not.ok(isEmptyIn('all', named))
  assert.not.ok(isEmptyIn('rest', `${named}\ntest.exhaustive('b', () => {})`))
})

test('recognizes quick tests', () => {
  const text = `test('one', () => {})\n\nrow.exhaustive(\n  'another one', async () => {\n`
  assert.ok(isQuickTest(text, 'one'))
  assert.not.ok(isQuickTest(text, 'another one'))
  assert.not.ok(isQuickTest(`suite('a', { exhaustive: true })\n${text}`, 'one'))
})

/** The cases of test/faults/README.md by what they break: each class needs a test in the quick run. */
const classes: Readonly<Record<string, string>> = {
  'a daemon that dies': 'P1 P2 P6',
  'a daemon that stops': 'P4 P5',
  'a daemon that freezes': 'P7',
  'an ffmpeg that misbehaves': 'P8 P9 P15',
  'a machine without memory, disk or descriptors': 'P10 P11 P12 P13 P17',
  'programs that are missing or wrong': 'P14',
  'plugins that misbehave': 'P16 Q21',
  'what dead daemons leave on the disk': 'P18',
  'the death of a launcher': 'P19',
  'messages that come twice or late': 'Q1 Q2 Q3 Q13',
  'in-progress messages and what they point to': 'Q4 Q5 Q6 Q7',
  'bodies that are not jobs': 'Q8 Q9 Q11 Q12',
  'a service that is gone': 'Q14 S3',
  'queue operations that fail': 'Q15 Q16 Q17 Q18 Q19',
  'jobs that always fail': 'Q20',
  'clocks that are wrong': 'Q22',
  'all of it at once': 'Q23',
  'S3 calls that fail, or whose reply is lost': 'S1 S6 S7 S9',
  'sources that break off, stop or go': 'S2 S4 S12 S18',
  'heartbeats and connections that fail': 'S5 S10 S11',
  'documents that are changed by others': 'S8 S17',
  'outputs that cannot be written': 'S13 S14 S15',
  'credentials that expire': 'S16',
  'names, bodies and paths that are wrong': 'N2 N3 N9',
  'uploads that do not keep to their URL': 'N4 N5',
  'clients that abuse the endpoint': 'N6 N7 N8',
}

test('has a test of every class of faults', () => {
  const cases = new Map<string, boolean>()
  for (const line of read('test/faults/README.md').split('\n')) {
    const [, id = '', , file = '', name = ''] = line.split('|').map((cell) => cell.trim())
    if (!/^[PQSN]\d+$/.test(id)) continue
    cases.set(id, cases.get(id) === true || isQuickTest(read(file), name))
  }
  const classified = Object.values(classes).flatMap((ids) => ids.split(' '))
  assert.equal(classified.toSorted(), [...cases.keys()].toSorted(), 'every case is in one class')
  const missing = Object.keys(classes).filter((name) => !classes[name]?.split(' ').some((id) => cases.get(id)))
  assert.equal(missing, [])
})

test('the tests kill or stop a daemon in every crash window of docs/delivery.md', () => {
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
  if (!text.includes(name)) return false
  const play = /^[^]*?(?:windows\.(\w+)|\nrow)/.exec(text.slice(text.indexOf(name)))?.[1]
  if (play === undefined) return true
  const { quick, rest } = windows[play as keyof typeof windows]
  // "before and after each step of it" refers to a multipart upload
  const calls = where.includes('each step') ? ['after `UploadPart`'] : (where.match(/(?:before|after) `[^`]+`/g) ?? [])
  return calls.some((call) => {
    const [, when, label = ''] = /^(\w+) `([^`]+)`$/.exec(call) ?? []
    return [...quick, ...rest].some((stop) => stop.when === when && stop.label.includes(label))
  })
}

test('kills a daemon in each phase of a job, and in each scenario with crash windows', () => {
  const quick = Object.values(windows).map((one) => one.quick)
  assert.ok(quick.every((stops) => stops.length > 0))
  const phases = windows.success.quick.map(({ label }) => label.split(':')[0])
  assert.equal([...new Set(phases)], ['claiming', 'running'])
  assert.ok(windows.success.quick.some(({ label }) => label.includes('PUT document succeeded')))
  const rows = [
    ['test/faults/crash.test.ts', 'P2: killed at any of its network calls'],
    ['test/faults/aftermath.test.ts', 'killed at any call of a takeover'],
    ['test/faults/aftermath.test.ts', 'killed at any call of a failure, a second attempt and dead-lettering'],
    ['test/faults/aftermath.test.ts', 'killed at any call of dead-lettering by a sweeper'],
  ] as const
  for (const [file, title] of rows) assert.ok(isQuickTest(read(file), title), title)
})

test('the long files that start first exist', () => {
  const list = /^const LONGEST = \[([^\]]*)\]/m.exec(read('test/run.ts'))?.[1] ?? ''
  const files = Array.from(list.matchAll(/'([^']+)'/g), ([, name]) => `test/${name}.test.ts`)
  assert.ok(files.length > 10)
  assert.equal(
    files.filter((file) => !existsSync(join(root, file))),
    [],
  )
})

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
