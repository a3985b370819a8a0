/** Every log call has an event, and docs/operating.md lists exactly these events with their level and meaning. */
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

/** All calls of a log's methods, for any name of the log; `event` is the first field of the first argument. */
const calls = sources.flatMap(({ file, text }) =>
  [...text.matchAll(/\blog\s*\??\.\s*(debug|info|warn|error)\b(?=([\s\S]{0,200}))/gi)].map(
    ([, level = '', rest = '']): Call => {
      const event = /^\(\s*\{\s*event: '([^']*)'/.exec(rest)?.[1]
      return { file, level: level.toLowerCase(), event, fields: rest.split('}')[0] ?? '' }
    },
  ),
)
const eventForm = /^[a-z]+(?:_[a-z]+)*(?:\.[a-z]+(?:_[a-z]+)*)+$/

const test = suite('log events')

test('the first field of every log call is an event, dotted and in lower case', () => {
  assert.ok(calls.length > 50, `only ${calls.length} calls were found`)
  assert.equal(
    calls.filter(({ event }) => event === undefined || !eventForm.test(event)),
    [],
  )
})

test('docs/operating.md lists exactly the events of the code, with level and meaning', () => {
  const { rows } = readDocs(root).table('docs/operating.md', 'event')
  const documented = rows.map(([name = '', level = '', meaning = '']) => {
    assert.ok(meaning.length > 10, `${name} has no meaning`)
    return `${toCodes(name)[0]} ${toCodes(level)[0]}`
  })
  assert.equal(documented, [...new Set(documented)], 'an event is listed twice')
  assert.equal(documented.toSorted(), [...new Set(calls.map(({ event, level }) => `${event} ${level}`))].toSorted())
})

test('error, job, message and queue have the same field name in every log call', () => {
  const otherNames = /\b(?:err|jobId|messageId|queueName|code|attempts): /
  assert.equal(
    calls.filter(({ fields }) => otherNames.test(fields)),
    [],
  )
})
