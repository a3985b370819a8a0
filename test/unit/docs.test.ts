/** Compares the options, codes, events, permissions and files in the documentation with the code, in both directions. */
import { globSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { checkConfig } from '../../daemon/config/check.ts'
import { schema } from '../../daemon/config/schema.ts'
import { errorCodes, toMessage } from '../../daemon/vocabulary/errors.ts'
import { securityHeaders } from '../../daemon/http/hooks.ts'
import { audioCodecs, videoCodecs } from '../../plugins/transcode/codecs.ts'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import type { Problem } from '../../daemon/vocabulary/validation/validation.ts'
import { makeConfig } from '../helpers/edge.ts'
import { withoutComments } from '../helpers/imports.ts'
import { readDocs, toCodes } from '../helpers/markdown.ts'
import { actionsOf } from '../helpers/permissions.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const docs = readDocs(root)
const read = (file: string) => readFileSync(join(root, file), 'utf8')

const test = suite('docs')

test('every option is documented, with its default and its limits', () => {
  const rows = docs
    .page('docs/configuration.md')
    .tables.filter(({ head }) => head[0] === 'option')
    .flatMap((table) => table.rows)
  const documented = rows.map(([option = '']) => toCodes(option)[0] ?? '')
  assert.equal(documented.toSorted(), toPaths(schema).toSorted())
  for (const [option = '', standard = '', limits = ''] of rows) {
    const path = toCodes(option)[0] ?? ''
    checkDefault(path, standard)
    checkLimits(path, limits)
  }
})

test('the first config on the page is the config of the repository', () => {
  assert.is(docs.page('docs/configuration.md').blocks[0]?.text, read('media.config.ts'))
})

test('every event is documented', () => {
  const source = withoutComments(read('daemon/vocabulary/events.ts'))
  const types = [...source.matchAll(/export type (\w+) = ((?:\w+ &\s*)*)\{([^}]*)\}/g)].map(
    ([, name = '', bases = '', body = '']) => ({
      name,
      type: /\btype: '([a-z]+:[a-z_]+)'/.exec(body)?.[1],
      fields: [...(bases.match(/\w+/g) ?? []), ...[...body.matchAll(/readonly (\w+)\??: /g)].map(([, field]) => field)],
    }),
  )
  const expected = types.map(({ name, type, fields }) => [type ?? name, fields.filter((field) => field !== 'type')])
  const documented = ['event', 'fields of events'].flatMap((head) =>
    docs
      .table('docs/configuration.md', head)
      .rows.map(([name = '', fields = '', meaning = '']) => [toCodes(name)[0], toCodes(fields), meaning] as const),
  )
  for (const [name, , meaning] of documented) assert.ok(meaning.length > 10, `${name} has no meaning`)
  assert.equal(documented.map(([name, fields]) => [name, fields]).toSorted(), expected.toSorted())
  const union = source.slice(source.indexOf('export type DaemonEvent'))
  const listed = [...union.matchAll(/^ {2}\| (\w+)/gm)].map(([, name = '']) => name)
  assert.equal(
    listed,
    types.flatMap(({ name, type }) => (type === undefined ? [] : [name])),
  )
})

test('the documented environment variables are the ones that the code reads', () => {
  const documented = docs.table('docs/configuration.md', 'variable').rows.flatMap(([names = '']) => toCodes(names))
  const sources = globSync('daemon/**/*.ts', { cwd: root }).map(read).join('\n')
  const read1 = [...sources.matchAll(/process\.env\.([A-Z_0-9]+)/g)].map(([, name = '']) => name)
  const overrides = [...sources.matchAll(/\bread\('([A-Z_]+)'/g)].map(([, name = '']) => name)
  const metrics = ['MEDIAD_METRICS', 'MEDIAD_METRICS_HOST', 'MEDIAD_METRICS_PORT']
  assert.equal(overrides, ['MEDIAD_HTTP_HOST', 'MEDIAD_HTTP_PORT', ...metrics, 'MEDIAD_HTTP_AUTHORIZE'])
  const read2 = [...read('media.config.ts').matchAll(/env\('(\w+)'/g)].map(([, name = '']) => name)
  const missing = [...read1, ...overrides, ...read2].filter((name) => !documented.includes(name))
  assert.equal(missing, [])
  const ours = new Set([...read1, ...overrides, ...read2].filter((name) => name.startsWith('MEDIAD_')))
  assert.equal(documented.filter((name) => name.startsWith('MEDIAD_')).toSorted(), [...ours].toSorted())
})

test('every error code is documented, with its verdict', () => {
  const rows = docs
    .page('docs/errors.md')
    .tables.filter(({ head }) => head[0] === 'code')
    .flatMap((table) => table.rows)
  const documented = rows.map(([code = '', verdict = '', ...texts]) => {
    assert.ok(texts.length === 2 && texts.every((text) => text !== ''), code)
    return [toCodes(code)[0], toCodes(verdict)[0]]
  })
  assert.equal(documented.toSorted(), Object.entries(errorCodes).toSorted())
})

test('every code that only commands have is documented', () => {
  const sources = globSync('daemon/{cli,operate}/**/*.ts', { cwd: root }).map(read).join('\n')
  const codes = [...sources.matchAll(/MediadError\(\s*'([a-z]+\.[a-z_]+)'/g)].map(([, code = '']) => code)
  const expected = new Set(codes.filter((code) => !Object.hasOwn(errorCodes, code)))
  const documented = docs.table('docs/errors.md', 'code of a command').rows.map(([code = '']) => toCodes(code)[0])
  assert.equal(documented.toSorted(), [...expected].toSorted())
})

test('the headers of every response are documented', () => {
  const documented = docs
    .table('docs/http.md', 'header')
    .rows.map((row) => row.slice(0, 2).map((cell) => toCodes(cell)[0]))
  assert.equal(documented, [...Object.entries(securityHeaders), ['x-request-id', undefined]])
})

test('every option of the plugins is documented', () => {
  const wrong = { zzzzzzzzzz: 1 } as object
  const groups: Record<string, readonly Problem[]> = {
    audio: transcode({ audio: wrong }).problems,
    loudness: transcode({ loudness: { target: -16, ...wrong } }).problems,
  }
  const inside = (name: string) => groups[name] && known(groups[name]).map((inner) => `${name}.${inner}`)
  const expected = {
    transcode: known(transcode(wrong).problems).flatMap((name) => inside(name) ?? [name]),
    thumbnail: known(thumbnail(wrong).problems),
    upload: known(upload(wrong).problems),
  }
  for (const [plugin, options] of Object.entries(expected)) {
    assert.ok(options.length > 0)
    const { rows } = docs.table('docs/plugins.md', 'option', plugin)
    assert.equal(rows.map(([option = '']) => toCodes(option)[0]).toSorted(), options.toSorted())
  }
  assert.equal([defaultOf('transcode', 'key')], transcode().hooks.keys)
  assert.equal([defaultOf('thumbnail', 'key')], thumbnail().hooks.keys)
})

test('the codecs are documented', () => {
  const documented = docs
    .table('docs/plugins.md', 'codec')
    .rows.map(([codec = '', crf, preset = '', containers, encoder]) => [
      toCodes(codec)[0],
      crf,
      /default `?(\w+)`?/.exec(preset)?.[1],
      containers,
      encoder,
    ])
  const expected = Object.entries(videoCodecs).map(([name, { crf, preset, containers, encoder }]) => [
    name,
    `0 to ${crf.max}, default ${crf.default}`,
    String(preset.default),
    containers.join(', '),
    `\`${encoder}\``,
  ])
  assert.equal(documented, expected)
  const audio = docs
    .table('docs/plugins.md', 'audio codec')
    .rows.map(([codec = '', kbps, containers, encoder]) => [toCodes(codec)[0], kbps, containers, encoder])
  const expectedAudio = Object.entries(audioCodecs).map(([name, { kbps, containers, encoder }]) => [
    name,
    `default ${kbps}`,
    containers.join(', '),
    `\`${encoder}\``,
  ])
  assert.equal(audio, expectedAudio)
})

test('the documented permissions of a daemon match the commands it sends', () => {
  const files = globSync('daemon/**/*.ts', { cwd: root }).filter((file) => !file.startsWith('daemon/local/'))
  const commands = new Set(files.flatMap((file) => read(file).match(/(?<=new )(?:\w+Command|Upload)(?=\()/g) ?? []))
  const used = [...commands].flatMap((command) => actionsOf[command] ?? [`unknown: ${command}`])
  // the policy allows deletions only for the self-test
  assert.equal(
    files.filter((file) => /storage\.remove\(/.test(read(file))),
    ['daemon/storage/selftest.ts'],
  )
  // without it, S3 responds with 403 for a missing object
  const expected = new Set([...used, 's3:ListBucket'])
  const { Statement } = JSON.parse(docs.marked('docs/getting-started.md', 'policy', 'daemon')) as Policy
  assert.equal([...new Set(Statement.flatMap(({ Action }) => Action))].toSorted(), [...expected].toSorted())
})

/** The permission for each call of an operator's commands; an operator's policy needs no others. */
const actionsOfVerbs: Record<string, string> = {
  'queue.receive': 'sqs:ReceiveMessage mediad-dead',
  'queue.delete': 'sqs:DeleteMessage mediad-dead',
  'queue.hide': 'sqs:ChangeMessageVisibility mediad-dead',
  'queues.sendSource': 'sqs:SendMessage mediad-work',
  'queues.work.send': 'sqs:SendMessage mediad-work',
  'documents.read': 's3:GetObject jobs/*',
  'documents.write': 's3:PutObject jobs/*',
  'storage.head': 's3:GetObject origin_*',
}

test('the documented permissions of an operator match the commands', () => {
  const sources = globSync('daemon/operate/*.ts', { cwd: root }).map(read).join('\n')
  const verbs = new Set(sources.match(/\b(?:queue|queues(?:\.\w+)?|documents|storage)\.\w+(?=\()/g))
  const used = [...verbs].map((verb) => actionsOfVerbs[verb] ?? `unknown: ${verb}`)
  const { Statement } = JSON.parse(docs.marked('docs/operating.md', 'policy', 'operator')) as Policy
  const allowed = Statement.flatMap(({ Action, Resource }) =>
    [Action].flat().map((action) => `${action} ${/mediad-\w+$|jobs\/\*$|origin_\*$|my-media$/.exec(Resource)?.[0]}`),
  )
  assert.equal(allowed.toSorted(), [...new Set([...used, 's3:ListBucket my-media'])].toSorted())
})

/** Returns the options that a plugin lists when it gets an unknown one. */
function known(problems: readonly { message: string }[]): string[] {
  return /known here: (.+)$/.exec(problems[0]?.message ?? '')?.[1]?.split(', ') ?? []
}

function defaultOf(plugin: string, option: string): string | undefined {
  const row = docs.table('docs/plugins.md', 'option', plugin).rows.find(([name]) => name === `\`${option}\``)
  return toCodes(row?.[1] ?? '')[0]
}

type Policy = { Statement: { Action: string | string[]; Resource: string }[] }

function toPaths(type: unknown, path = ''): string[] {
  if (type instanceof z.ZodPrefault) return toPaths(type.def.innerType, path)
  if (type instanceof z.ZodDefault && type.def.innerType instanceof z.ZodUnion)
    return [
      path,
      ...type.def.innerType.options.flatMap((option) => toPaths(option, path)).filter((one) => one !== path),
    ]
  if (!(type instanceof z.ZodObject)) return [path]
  return Object.entries(type.shape).flatMap(([name, inner]) => toPaths(inner, path === '' ? name : `${path}.${name}`))
}

function checkDefault(path: string, documented: string): void {
  const value = path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], makeConfig())
  if (documented === 'required') assert.match(problemOf(path, undefined), /is missing/)
  else if (documented === 'none') assert.is(value, undefined, path)
  else if (documented.startsWith("the system's")) assert.is(value, tmpdir(), path)
  else assert.is(withoutNotes(documented), `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``, path)
}

function checkLimits(path: string, documented: string): void {
  const match = /^(\d+) to (\d+)( characters)?$/.exec(withoutNotes(documented))
  if (!match) return
  const make = match[3] === undefined ? (n: number) => n : (n: number) => '~'.repeat(n)
  const [least, most] = [Number(match[1]), Number(match[2])]
  for (const good of [least, most]) assert.is(problemOf(path, make(good)), '', path)
  for (const bad of [least - 1, most + 1]) assert.match(problemOf(path, make(bad)), path)
}

/** Removes the explanation of a number: `60 (1 min)`. */
const withoutNotes = (cell: string) => cell.replaceAll(/ \([^)]*\)/g, '')

/** Returns the error for a config that is valid except for `value` at `path`; an empty string if it is valid. */
function problemOf(path: string, value: unknown): string {
  const { bucket, queues, plugins } = makeConfig()
  const user = { bucket, queues: structuredClone(queues) as Record<string, Record<string, unknown>>, plugins }
  const names = path.split('.')
  if (names[3] !== undefined) Object.assign(user.queues['work'] ?? {}, { concurrency: { max: 8, targetCpu: 0.7 } })
  const last = names.pop() ?? ''
  const inner = names.reduce<Record<string, unknown>>((at, name) => (at[name] ??= {}) as Record<string, unknown>, user)
  inner[last] = value
  try {
    checkConfig(user)
    return ''
  } catch (error) {
    return toMessage(error)
  }
}
