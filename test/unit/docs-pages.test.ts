/** The pages hang together: links, files that are named, data that is shown. */
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import * as assert from 'uvu/assert'
import { toTable } from '../../daemon/terminal/table.ts'
import { parseNotification } from '../../daemon/protocol/notification.ts'
import { route } from '../helpers/fakes.ts'
import { makeConfig } from '../helpers/edge.ts'
import { readDocs, toCodes, toPage } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')
const docs = readDocs(root)

const test = suite('docs pages')

test('links lead somewhere', () => {
  const broken = docs.pages.flatMap(({ file, links }) =>
    links.filter((link) => !leadsSomewhere(file, link)).map((link) => `${file}: ${link}`),
  )
  assert.equal(broken, [])
})

test('files that are named exist', () => {
  const named = docs.pages.flatMap(({ file, prose }) =>
    toCodes(prose)
      .filter((code) => /^(?:daemon|plugins|examples|terraform|docs|test)\/[\w./-]+$/.test(code))
      .map((path) => ({ file, path })),
  )
  const inTrees = ['README.md', 'CONTRIBUTING.md'].flatMap((file) => toTreePaths(file).map((path) => ({ file, path })))
  assert.ok(named.length > 10 && inTrees.length > 30)
  assert.equal(
    [...named, ...inTrees].filter(({ path }) => !existsSync(join(root, path))),
    [],
  )
})

test('a job’s table looks as it is shown', () => {
  const head = toColumns(toTable([]).split('\n')[1])
  const shown = ['README.md', 'docs/getting-started.md'].map(
    (file) => docs.page(file).blocks.find(({ text }) => text.includes('┌'))?.text ?? '',
  )
  for (const text of shown) assert.equal(toColumns(text.split('\n').find((line) => line.startsWith('│'))), head)
})

test('what is JSON is JSON, and says what the code understands', () => {
  const json = docs.pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'json'))
  assert.ok(json.length > 5)
  for (const { text } of json) assert.type(JSON.parse(text), 'object')

  const body = docs.marked('docs/configuration.md', 'notification')
  const source = { bucket: 'media', key: 'origin_my film.mp4', etag: '9b2cf535f27731c974343645a3985328' }
  assert.equal(parseNotification(body, { bucket: 'media', routes: [route] }), {
    kind: 'sources',
    sources: [{ source: { ...source, sizeBytes: 1_048_576 }, route }],
  })
  const rule = docs.marked('docs/getting-started.md', 'notifications')
  assert.ok(rule.includes(`"Value": "${makeConfig().source.prefix}"`))
})

test('a page is read as it is meant', () => {
  const text = [
    '# A `b` & c',
    '[x](y.md#z)',
    '<!-- test run until="a b" file=c.ts -->',
    '',
    '```sh',
    '# [no](link)',
    '```',
    '```',
    '| no | table |',
    '```',
    '| a | b |',
    '| - | - |',
    '| `1` | 2 |',
    '',
  ].join('\n')
  const { anchors, links, blocks, tables } = toPage('p.md', text)
  assert.equal({ anchors, links }, { anchors: ['a-b--c'], links: ['y.md#z'] })
  assert.equal(blocks, [
    { page: 'p.md', line: 5, language: 'sh', text: '# [no](link)\n', marks: { run: '', until: 'a b', file: 'c.ts' } },
    { page: 'p.md', line: 8, language: '', text: '| no | table |\n', marks: {} },
  ])
  assert.equal(tables, [{ heading: 'A `b` & c', head: ['a', 'b'], rows: [['`1`', '2']] }])
  assert.throws(() => toPage('p.md', '```\n'), /does not end/)
})

function leadsSomewhere(from: string, link: string): boolean {
  if (/^https?:/.test(link)) return URL.canParse(link)
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? from : posix.join(posix.dirname(from), path)
  if (!existsSync(join(root, target))) return false
  return anchor === undefined || docs.page(target).anchors.includes(anchor)
}

/** The paths in a page's tree of files: two spaces deeper is inside of what stands above. */
function toTreePaths(file: string): string[] {
  const tree = docs.page(file).blocks.find(({ text }) => text.startsWith('daemon/'))?.text ?? ''
  let folder = ''
  return tree
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, indent = '', name = ''] = /^( *)(\S+)/.exec(line) ?? []
      if (indent === '') folder = name
      return indent === '' ? name : join(folder, name)
    })
}

function toColumns(line = ''): string[] {
  return line
    .split('│')
    .map((cell) => cell.trim())
    .filter((cell) => cell !== '')
}
