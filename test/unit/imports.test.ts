/** Tests the helpers of the architecture test: they find each violation. */
import * as assert from 'uvu/assert'
import {
  findCycles,
  findImports,
  findLayerViolations,
  findPackages,
  findText,
  toSourceFile,
  type SourceFile,
} from '../helpers/imports.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('imports')
const layers = [['daemon/errors'], ['daemon/queue/'], ['daemon/job/']]

test('finds every form of import', () => {
  const text = [
    '#!/usr/bin/env node',
    "import a, { type B } from './a.ts'",
    'import type {',
    '  C,',
    '} from "../c.ts"',
    "import './d.ts'",
    "export * from './e.ts'",
    "export type { F } from '@scope/f/deep.js'",
    "// import './comment.ts'",
    '/** @example',
    " * import './example.ts' */",
    "const g = await import('./g.ts')",
    "let h: import('./h.ts').H",
    'const take = createRequire(import.meta.url)',
    "take('i/lib'); import.meta.resolve('j')",
    "export const from = 'k'",
  ].join('\n')
  const { imports } = toSourceFile('daemon/job/x.ts', text)
  const shown = imports.map(
    ({ line, target, typeOnly, dynamic }) => `${line} ${target}${typeOnly ? ' type' : ''}${dynamic ? ' dynamic' : ''}`,
  )
  assert.equal(shown, [
    '2 daemon/job/a.ts',
    '3 daemon/c.ts type',
    '6 daemon/job/d.ts',
    '7 daemon/job/e.ts',
    '8 @scope/f type',
    '12 daemon/job/g.ts dynamic',
    '13 daemon/job/h.ts dynamic',
    '15 j dynamic',
    '15 i dynamic',
  ])
})

test('finds an import from a higher layer, also of a type or dynamic', () => {
  const up = "import { q } from './queue/q.ts'\nimport type { J } from './job/j.ts'\nvoid import('./job/j.ts')"
  const violations = findLayerViolations([toSourceFile('daemon/errors.ts', up)], layers)
  assert.equal(
    violations,
    ['queue/q', 'job/j', 'job/j'].map((name, at) => `daemon/errors.ts:${at + 1} → daemon/${name}.ts`),
  )
  assert.equal(findLayerViolations([toSourceFile('daemon/job/j.ts', "import '../queue/q.ts'")], layers), [])
})

test('finds a file without a layer', () => {
  assert.equal(findLayerViolations([toSourceFile('daemon/new.ts', '')], layers), ['daemon/new.ts is in no layer'])
})

test('finds circular imports', () => {
  const circle = [
    file('a', "import './b.ts'"),
    file('b', "export * from './c.ts'"),
    file('c', "import type {} from './a.ts'"),
  ]
  const tail = file('d', "import './a.ts'")
  assert.equal(findCycles([...circle, tail], { types: true }), [['a.ts', 'b.ts', 'c.ts']])
  assert.equal(findCycles([...circle, tail], { types: false }), [])
  assert.equal(findCycles([file('a', "void import('./a.ts')")], { types: false }), [['a.ts']])
})

test('finds imports of a package, and uses of the process', () => {
  const files = [
    file('a', "import type { X } from 'h3'"),
    file('b', "import 'h3'\nprocess.exit(1)"),
    file('c', '// process.exit()'),
  ]
  assert.equal(
    findImports(files, ({ target }) => target === 'h3'),
    ['a.ts:1 → h3', 'b.ts:1 → h3'],
  )
  assert.equal(findPackages(files), { h3: ['a.ts (types)', 'b.ts'] })
  assert.equal(findText(files, /process\.exit/), ['b.ts'])
})

function file(name: string, text: string): SourceFile {
  return toSourceFile(`${name}.ts`, text)
}
