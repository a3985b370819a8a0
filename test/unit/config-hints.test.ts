import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../daemon/config/load.ts'
import { toMessage } from '../../daemon/vocabulary/errors.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('hints for a config that cannot be loaded')

type Case = { files: Record<string, string>; expected: RegExp[] }

const cases: Record<string, Case> = {
  'a config in a package for CommonJS, which npm init creates': {
    files: { 'package.json': '{"type":"commonjs"}', 'media.config.ts': "import 'node:fs'\nexport default {}" },
    expected: [/"type": "module" in \S*\/package\.json/, /\.mts/],
  },
  'await at the top level in a package for CommonJS': {
    files: { 'package.json': '{"type":"commonjs"}', 'media.config.ts': 'const x = await 1\nexport default {}' },
    expected: [/"type": "module"/],
  },
  'require in an ES module': {
    files: { 'package.json': '{"type":"module"}', 'media.config.ts': "const fs = require('node:fs')" },
    expected: [
      /: require is not defined in ES module scope\. It is an ES module: use import instead of require, [^.]*\.exports$/,
    ],
  },
  'module.exports in JavaScript, for which Node advises to make the file CommonJS': {
    files: { 'package.json': '{"type":"module"}', 'media.config.js': 'module.exports = {}' },
    expected: [
      /: module is not defined in ES module scope\. It is an ES module: use import instead of require, [^.]*\.exports$/,
    ],
  },
  'an enum': {
    files: { 'package.json': '{"type":"module"}', 'media.config.ts': '\nenum A { B }\nexport default {}' },
    expected: [/enum is not supported/, /union of strings/, /line 2/],
  },
  'a parameter property in a plugin': {
    files: {
      'package.json': '{"type":"module"}',
      'media.config.ts': "import './plugins/a.ts'\nexport default {}",
      'plugins/a.ts': '\n\nclass A { constructor(private x: number) {} }',
    },
    expected: [/\/plugins\/a\.ts, line 3/, /assign it in the constructor/],
  },
  'a decorator': {
    files: { 'package.json': '{"type":"module"}', 'media.config.ts': '@sealed\nclass A {}\nexport default {}' },
    expected: [/Line 1 has a decorator/],
  },
  'a decorator that is not at the start of its line, behind what only looks like one': {
    files: {
      'package.json': '{"type":"module"}',
      'media.config.ts': [
        '/** @see me@example.com',
        ' * @deprecated */',
        "const a = '@sealed' // @sealed",
        'const b = `',
        '@sealed`',
        'export default class A { @sealed x = 1 }',
      ].join('\n'),
    },
    expected: [/Line 6 has a decorator/],
  },
  'an import without its extension': {
    files: {
      'package.json': '{"type":"module"}',
      'media.config.ts': "import './plugin'\nexport default {}",
      'plugin.ts': '',
    },
    expected: [/need the extension: import … from '\.\/plugin\.ts'/],
  },
  'a folder in which mediad is not installed': {
    files: { 'package.json': '{"type":"module"}', 'media.config.ts': "import 'mediad'\nexport default {}" },
    expected: [/Install it in the folder of the config: npm --prefix (\S+) run build && npm install file:\1$/],
  },
}

for (const [name, { files, expected }] of Object.entries(cases))
  test(name, async () => {
    await using folder = await temporaryFolder()
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder.path, path)), { recursive: true })
      await writeFile(join(folder.path, path), text)
    }
    const thrown: unknown = await loadConfig({ cwd: folder.path }).catch((error: unknown) => error)
    for (const pattern of expected) assert.match(toMessage(thrown), pattern)
  })

async function messageIn(cwd: string): Promise<string> {
  return toMessage(await loadConfig({ cwd }).catch((error: unknown) => error))
}

test('names the environment file of an embedded S3 when a variable is not set', async () => {
  await using folder = await temporaryFolder()
  const below = join(folder.path, 'below')
  await mkdir(below)
  const api = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../daemon/index.ts')).href)
  const config = `import { env } from ${api}\nexport default { bucket: env('MEDIAD_TEST_UNSET') }`
  await writeFile(join(folder.path, 'media.config.mts'), config)
  assert.not.match(await messageIn(folder.path), 'Read it first')
  await mkdir(join(folder.path, '.mediad-data'))
  await writeFile(join(folder.path, '.mediad-data/env'), '')
  assert.match(await messageIn(folder.path), /MEDIAD_TEST_UNSET is not set[^]*Read it first: \. \.mediad-data\/env$/)
  assert.match(await messageIn(below), /Read it first: \. \.\.\/\.mediad-data\/env$/)
})
