/** Compares docs/http.md with the routes of the endpoint. Its table of problems is generated. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { problemCodes } from '../../daemon/http/problem-codes.ts'
import { createRoutes } from '../../daemon/http/routes.ts'
import { makeConfig, makeRouteDeps } from '../helpers/edge.ts'
import { withoutComments } from '../helpers/imports.ts'
import { readDocs, toCodes } from '../helpers/markdown.ts'
import { suite } from '../helpers/suite.ts'

const root = join(import.meta.dirname, '../..')

const test = suite('docs: http')

test('every code of the problems is used', () => {
  const files = globSync('daemon/{access,http}/**/*.ts', { cwd: root, exclude: ['daemon/http/problem-codes.ts'] })
  const texts = files.map((file) => withoutComments(readFileSync(join(root, file), 'utf8'))).join('\n')
  const unused = Object.keys(problemCodes).filter((code) => !texts.includes(`code: '${code}'`))
  assert.equal(unused, [])
})

const renderNothing = async () => ({ contentType: '', body: '' })

/** The row of the routes that a table of their own lists. */
const COMPANION = 'GET POST DELETE /s3/…'

test('the requests of the page are those of the endpoint', () => {
  const config = makeConfig({ http: { files: true } })
  const served = createRoutes(makeRouteDeps({ config, metrics: renderNothing })).map(
    ({ method, path }) => `${method} ${path.replaceAll(/(?:\*\*)?:(\w+)/g, '<$1>')}`,
  )
  const rows = readDocs(root)
    .page('docs/http.md')
    .tables.filter(({ head }) => head[0] === 'request')
    .flatMap((table) => table.rows)
    .map(([request = '']) => toCodes(request).join(' '))
  assert.ok(rows.includes(COMPANION))
  const documented = new Set(rows.filter((row) => row !== COMPANION).map((row) => row.replace(/(\?| \{).*/, '')))
  assert.equal([...documented].toSorted(), served.toSorted())
})
