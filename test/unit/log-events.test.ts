/** Every line of the log names its event; docs/operating.md lists all of them, with their level and meaning, and no other. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { withoutComments } from '../helpers/imports.ts'
import { readDocs, toCodes } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const sources = ['daemon', 'plugins']
  .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
  .map((file) => ({ file, text: withoutComments(readFileSync(join(root, file), 'utf8')) }))

type Call = { file: string; level: string; event: string | undefined; fields: string }

/** Every call of a log's methods, whatever the log is called; `event` is the name that its first argument begins with. */
const calls = sources.flatMap(({ file, text }) =>
  [...text.matchAll(/\blog\s*\??\.\s*(debug|info|warn|error)\b(?=([\s\S]{0,200}))/gi)].map(
    ([, level = '', rest = '']): Call => {
      const event = /^\(\s*\{\s*event: '([^']*)'/.exec(rest)?.[1]
      return { file, level: level.toLowerCase(), event, fields: rest.split('}')[0] ?? '' }
    },
  ),
)
const form = /^[a-z]+(?:_[a-z]+)*(?:\.[a-z]+(?:_[a-z]+)*)+$/

const test = suite('log events')

test('every line of the log begins its fields with an event, dotted and in lower case', () => {
  assert.ok(calls.length > 50, `only ${calls.length} calls were found`)
  assert.equal(
    calls.filter(({ event }) => event === undefined || !form.test(event)),
    [],
  )
})

test('docs/operating.md lists every event with its level and meaning, and no other', () => {
  const { rows } = readDocs(root).table('docs/operating.md', 'event')
  const documented = rows.map(([name = '', level = '', meaning = '']) => {
    assert.ok(meaning.length > 10, `${name} has no meaning`)
    return `${toCodes(name)[0]} ${toCodes(level)[0]}`
  })
  assert.equal(documented, [...new Set(documented)], 'an event is listed once')
  assert.equal(documented.toSorted(), [...new Set(calls.map(({ event, level }) => `${event} ${level}`))].toSorted())
})

test('one thing has one name in every line: error, job, message, queue', () => {
  const others = /\b(?:err|jobId|messageId|queueName|code|attempts): /
  assert.equal(
    calls.filter(({ fields }) => others.test(fields)),
    [],
  )
})
