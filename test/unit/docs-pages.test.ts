/** Checks the links, file names and data on the pages. */
import { spawnSync } from 'node:child_process'
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

test('links have a target', () => {
  const broken = docs.pages.flatMap(({ file, links }) =>
    links.filter((link) => !hasTarget(file, link)).map((link) => `${file}: ${link}`),
  )
  assert.equal(broken, [])
})

test('named files exist', () => {
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

/** A package.json is created in a folder of the user's own. */
const isOutside = (path: string) => path.startsWith('/') || path === 'package.json'

test('.gitignore covers what the commands on the pages create', () => {
  const commands = docs.pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'sh'))
  const created = commands.flatMap(({ text }) =>
    Array.from(
      text.matchAll(/(?:--out|--data|>) ([\w./-]+)(?=\s|$)|\b(video\.mp4)$/gm),
      ([, path, video]) => path ?? video ?? '',
    ),
  )
  const inRepository = new Set([...created, '.mediad-data', 'mediad-0.1.0.tgz'].filter((path) => !isOutside(path)))
  assert.ok(inRepository.size > 5)
  // a pattern for folders matches only names that end in a slash
  const names = [...inRepository].flatMap((path) => [path, `${path}/`])
  const ignored = spawnSync('git', ['check-ignore', ...names], { cwd: root, encoding: 'utf8' }).stdout.split('\n')
  assert.equal(
    [...inRepository].filter((path) => !ignored.includes(path) && !ignored.includes(`${path}/`)),
    [],
  )
})

test('the tables of outputs on the pages match the program', () => {
  const head = toColumns(toTable([]).split('\n')[1])
  const shown = ['README.md', 'docs/getting-started.md'].map(
    (file) => docs.page(file).blocks.find(({ text }) => text.includes('┌'))?.text ?? '',
  )
  for (const text of shown) assert.equal(toColumns(text.split('\n').find((line) => line.startsWith('│'))), head)
})

test('JSON blocks are valid JSON that the code accepts', () => {
  const json = docs.pages.flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'json'))
  assert.ok(json.length > 5)
  for (const { text } of json) assert.type(JSON.parse(text), 'object')

  const body = docs.marked('docs/configuration.md', 'notification')
  const source = { bucket: 'media', key: 'origin_my video.mp4', etag: '9b2cf535f27731c974343645a3985328' }
  assert.equal(parseNotification(body, { bucket: 'media', routes: [route] }), {
    kind: 'sources',
    sources: [{ source: { ...source, sizeBytes: 1_048_576 }, route }],
  })
  const rule = docs.marked('docs/getting-started.md', 'notifications')
  assert.ok(rule.includes(`"Value": "${makeConfig().source.prefix}"`))
})

test('parses a page', () => {
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
  assert.throws(() => toPage('p.md', '```\n'), /has no closing fence/)
})

function hasTarget(from: string, link: string): boolean {
  if (/^https?:/.test(link)) return URL.canParse(link)
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? from : posix.join(posix.dirname(from), path)
  if (!existsSync(join(root, target))) return false
  return anchor === undefined || docs.page(target).anchors.includes(anchor)
}

/** Returns the paths in a page's tree of files. Two more spaces of indentation mean: inside the folder above. */
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
