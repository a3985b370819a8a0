/** Compares the generated tables of the documentation with their sources, and checks the JSDoc that editors show. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { schema } from '../../daemon/config/schema.ts'
import { renditionOptions } from '../../plugins/ladder/options.ts'
import { dashOptions } from '../../plugins/streaming/dash.ts'
import { hlsOptions } from '../../plugins/streaming/hls.ts'
import { storyboardOptions } from '../../plugins/storyboard/options.ts'
import { thumbnailOptions } from '../../plugins/thumbnail/options.ts'
import { transcodeOptions } from '../../plugins/transcode/options.ts'
import { uploadOptions } from '../../plugins/upload.ts'
import { toOptionRows } from '../docs/options.ts'
import { pages, renderTables } from '../docs/tables.ts'
import { readBlocks, toVariableRows } from '../docs/terraform.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const test = suite('docs: generated tables')

/** The files that declare the keys of the options, with their JSDoc. */
const declarations: [z.ZodType, string[]][] = [
  [schema, ['daemon/config/config.ts', 'daemon/config/schema.ts', 'daemon/config/http.ts', 'daemon/config/limits.ts']],
  [transcodeOptions, ['plugins/transcode/options.ts', 'plugins/ladder/options.ts']],
  [storyboardOptions, ['plugins/storyboard/options.ts']],
  [thumbnailOptions, ['plugins/thumbnail/options.ts']],
  [renditionOptions, ['plugins/ladder/options.ts']],
  [hlsOptions, ['plugins/streaming/hls.ts']],
  [dashOptions, ['plugins/streaming/dash.ts']],
  [uploadOptions, ['plugins/upload.ts']],
]

test('the generated tables match the schemas, metrics and Terraform modules', () => {
  for (const page of pages) {
    const text = read(page)
    assert.match(text, '<!-- end of table -->')
    assert.is(text, renderTables(text), `${page} is stale: npm run docs`)
  }
})

test('a row shows the name, default, values and description of an option', () => {
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

test('throws for an option without a description, and for an unknown table', () => {
  const port = z.int().min(0).max(9)
  assert.throws(() => toOptionRows(z.object({ port })), /the option port has no description/)
  assert.throws(() => toOptionRows(z.object({ port: z.string().describe('A port.') })), /the option port has no range/)
  assert.throws(() => toOptionRows(z.object({ port: port.describe('A port.') }), ['ports']), /no such options: ports/)
  assert.throws(() => renderTables('<!-- table none -->\n<!-- end of table -->\n'), /no table none/)
})

test('replaces a stale table, and nothing around it', () => {
  const stale = '# A\n\n<!-- table config http.port -->\n\nold\n\n<!-- end of table -->\n\n| b |\n'
  const fresh = renderTables(stale)
  assert.match(
    fresh,
    /^# A\n\n<!-- table config http\.port -->\n\n\| option .*\n\| -+ .*\n\| `http\.port` \| `3000` .*\n\n<!-- end of table -->\n\n\| b \|\n$/,
  )
  assert.is(renderTables(fresh), fresh)
})

test('every variable and output of the Terraform modules is on the page', () => {
  const page = read('docs/terraform.md')
  const files = globSync(['terraform/*.tf', 'terraform/modules/*/*.tf'], { cwd: root })
  const declared = files.flatMap((file) => read(file).match(/^(?:variable|output) "\w+"/gm) ?? [])
  const names = declared.map((line) => /"(\w+)"/.exec(line)?.[1] ?? '')
  assert.ok(names.length > 90)
  assert.is(page.match(/^\| `\w+` /gm)?.length, names.length)
  assert.equal(
    names.filter((name) => !page.includes(`| \`${name}\` `)),
    [],
  )
})

test('reads the attributes of Terraform blocks', () => {
  const text = [
    'variable "sizes" {',
    '  description = <<-EOT',
    '    Sizes of',
    '    it. More.',
    '',
    '    And `{ a = 1 }`.',
    '  EOT',
    '  type = object({',
    '    small = optional(object({',
    '      a  = number',
    '    }))',
    '    big   = list(string)',
    '  })',
    '  default  = null',
    '  nullable = false',
    '',
    '  validation {',
    '    condition     = var.sizes != null',
    '    error_message = "x"',
    '  }',
    '}',
    '',
    'output "size" {',
    '  description = "A \\"size\\"."',
    '  value = {',
    '    a = 1',
    '  }',
    '}',
    '',
  ].join('\n')
  const [sizes, ...more] = readBlocks(text, 'variable')
  assert.is(sizes?.name, 'sizes')
  assert.equal(sizes?.attributes, {
    description: 'Sizes of\nit. More.\n\nAnd `{ a = 1 }`.',
    type: 'object({ small = optional(object({ a = number })), big = list(string) })',
    default: 'null',
    nullable: 'false',
  })
  assert.equal(more, [])
  assert.equal(readBlocks(text, 'output'), [
    { name: 'size', attributes: { description: '"A \\"size\\"."', value: '{ a = 1 }' } },
  ])
  const application = toVariableRows('terraform/modules/fleet').find(([name]) => name === '`application`')
  assert.is(application?.[3], 'A folder of your own for the daemons, from S3 or from an npm registry.')
})

test('every option has a JSDoc comment, which does not mention the default', () => {
  for (const [type, files] of declarations) {
    const text = files.map(read).join('\n')
    const documented = [...text.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\n +(?:readonly )?(\w+)\??:/g)]
    const names = toOptionRows(type).map(([path = '']) => /(\w+)`$/.exec(path)?.[1] ?? '')
    const missing = names.filter((name) => !documented.some(([, , key]) => key === name))
    assert.equal(missing, [])
    for (const [, comment = '', key] of documented) assert.not.match(comment, /default/i, `${files[0]}: ${key}`)
  }
})
