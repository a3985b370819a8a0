/** The option tables of the documentation are those of the schemas, and editors show a sentence for each option. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { schema } from '../../daemon/config/schema.ts'
import { thumbnailOptions } from '../../plugins/thumbnail/options.ts'
import { transcodeOptions } from '../../plugins/transcode/options.ts'
import { uploadOptions } from '../../plugins/upload.ts'
import { toOptionRows } from '../docs/options.ts'
import { pages, renderTables } from '../docs/tables.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const test = suite('docs: generated tables')

/** Where the keys of the options stand with their JSDoc. */
const declarations: [z.ZodType, string[]][] = [
  [schema, ['daemon/config/schema.ts', 'daemon/config/limits.ts']],
  [transcodeOptions, ['plugins/transcode/options.ts']],
  [thumbnailOptions, ['plugins/thumbnail/options.ts']],
  [uploadOptions, ['plugins/upload.ts']],
]

test('the generated tables are those of the schemas', () => {
  for (const page of pages) {
    const text = read(page)
    assert.match(text, '<!-- end of table -->')
    assert.is(text, renderTables(text), `${page} is stale: npm run docs`)
  }
})

test('a row has what the schema says of an option', () => {
  const rows = toOptionRows(
    z.strictObject({
      name: z.string().meta({ values: 'text' }).describe('A name.'),
      mode: z.enum(['a', 'b']).default('b').describe('A mode.'),
      job: z
        .strictObject({
          leaseSeconds: z.int().min(1).max(86_400).default(60).describe('A lease.'),
          sizeBytes: z
            .int()
            .min(2048)
            .max(3 * 2 ** 30)
            .optional()
            .describe('A size.'),
          area: z.int().min(0).max(9).default(6).meta({ note: '2 × 3', unit: 'pixels' }).describe('An area.'),
        })
        .prefault({}),
      gain: z
        .strictObject({ target: z.number().min(-7).max(0).meta({ defaultText: 'as it is' }).describe('A gain.') })
        .optional(),
    }),
  )
  assert.equal(rows, [
    ['`name`', 'required', 'text', 'A name.'],
    ['`mode`', '`b`', '`a`, `b`', 'A mode.'],
    ['`job.leaseSeconds`', '`60` (1 min)', '1 to 86400 (1 d)', 'A lease.'],
    ['`job.sizeBytes`', 'none', '2048 to 3221225472 (3 GiB)', 'A size.'],
    ['`job.area`', '`6` (2 × 3)', '0 to 9 pixels', 'An area.'],
    ['`gain.target`', 'as it is', '-7 to 0', 'A gain.'],
  ])
})

test('an option that is not described is an error, and so is a table that does not exist', () => {
  const port = z.int().min(0).max(9)
  assert.throws(() => toOptionRows(z.object({ port })), /the option port has no description/)
  assert.throws(
    () => toOptionRows(z.object({ port: z.string().describe('A port.') })),
    /port does not say what it takes/,
  )
  assert.throws(() => toOptionRows(z.object({ port: port.describe('A port.') }), ['ports']), /no such options: ports/)
  assert.throws(() => renderTables('<!-- table none -->\n<!-- end of table -->\n'), /no table none/)
})

test('a stale table is written anew, and nothing around it', () => {
  const stale = '# A\n\n<!-- table config http.port -->\n\nold\n\n<!-- end of table -->\n\n| b |\n'
  const fresh = renderTables(stale)
  assert.match(
    fresh,
    /^# A\n\n<!-- table config http\.port -->\n\n\| option .*\n\| -+ .*\n\| `http\.port` \| `3000` .*\n\n<!-- end of table -->\n\n\| b \|\n$/,
  )
  assert.is(renderTables(fresh), fresh)
})

test('every option has a sentence for editors, which repeats no default', () => {
  for (const [type, files] of declarations) {
    const text = files.map(read).join('\n')
    const documented = [...text.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\n +(?:readonly )?(\w+)\??:/g)]
    const names = toOptionRows(type).map(([path = '']) => /(\w+)`$/.exec(path)?.[1] ?? '')
    const missing = names.filter((name) => !documented.some(([, , key]) => key === name))
    assert.equal(missing, [])
    for (const [, comment = '', key] of documented) assert.not.match(comment, /default/i, `${files[0]}: ${key}`)
  }
})
