import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { loadLocal } from '../../daemon/cli/load-local.ts'
import { toMessage } from '../../daemon/vocabulary/errors.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('optional dependencies')
const main = join(import.meta.dirname, '../../daemon/main.ts')

/** Makes Node fail to find these packages, as if they were not installed. */
const hide = `
import { registerHooks } from 'node:module'
registerHooks({ resolve(name, context, next) {
  return next(/^(?:fauxqs$|@20minutes[/]s3rver)/.test(name) ? name.replace(/fauxqs|s3rver/, '$&-hidden') : name, context)
} })`

test('mediad local says what to install when the embedded S3 and SQS are missing', async () => {
  await using folder = await temporaryFolder()
  const args = ['--conditions=source', '--import', `data:text/javascript,${encodeURIComponent(hide)}`, main, 'local']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8' })
  assert.equal([status, stdout], [2, ''], stderr)
  assert.match(stderr, '--omit=optional')
  assert.match(stderr, 'PATH=$PWD/node_modules/.bin:$PATH npm install')
})

test('recognizes a package that import or require cannot find, and passes on other errors', async () => {
  const failures = [
    [() => createRequire('/')('@20minutes/s3rver/lib/app'), /optional dependencies/],
    [() => createRequire('/')('fauxqs'), /optional dependencies/],
    [() => createRequire('/')('another-package'), /^Cannot find module 'another-package'/],
    [() => assert.unreachable('broken'), /^broken/],
  ] as const
  for (const [load, expected] of failures) {
    const thrown: unknown = await loadLocal(async () => load() as never).catch((error: unknown) => error)
    assert.match(toMessage(thrown), expected)
  }
})
