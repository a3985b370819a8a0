import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import type { Installed } from '../../daemon/config/hints/package.ts'
import { init } from '../../daemon/cli/init/init.ts'
import { loadConfig } from '../../daemon/config/load.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('init')
const root = join(import.meta.dirname, '../..')

const fromRegistry = { root: '/nowhere/node_modules/mediad', version: '1.2.3' }

async function runInit(folder: string, installed: Installed = fromRegistry) {
  const printed: string[] = []
  await init({ print: (line) => void printed.push(line) }, { folder, installed })
  return printed
}

async function initError(folder: string): Promise<string> {
  try {
    await runInit(folder)
  } catch (error) {
    assert.instance(error, MediadError)
    return (error as MediadError).message
  }
  return assert.unreachable('init wrote its files') as never
}

test('writes a config that loads, and says the next command', async () => {
  await using folder = await temporaryFolder()
  const target = join(folder.path, 'My Media')
  const printed = await runInit(target)
  assert.match(printed.at(-1) ?? '', /^\nNext: cd '.*My Media' && npm install && npx mediad start --local$/)
  const files = (await readdir(target, { recursive: true })).toSorted()
  assert.equal(files, [
    '.gitignore',
    'media.config.ts',
    'package.json',
    'plugins',
    'plugins/checksum.ts',
    'tsconfig.json',
  ])
  const manifest = JSON.parse(await readFile(join(target, 'package.json'), 'utf8')) as Record<string, unknown>
  assert.equal([manifest.name, manifest.type, manifest.dependencies], ['my-media', 'module', { mediad: '^1.2.3' }])
  await mkdir(join(target, 'node_modules'))
  await symlink(root, join(target, 'node_modules/mediad'))
  const queues = { work: { url: 'http://q/w' }, inProgress: { url: 'http://q/i' }, dead: { url: 'http://q/d' } }
  for (const name of ['WORK', 'IN_PROGRESS', 'DEAD']) process.env[`MEDIAD_${name}_QUEUE_URL`] ??= 'http://q/unset'
  const { config } = await loadConfig({ cwd: target, overrides: { queues } })
  assert.equal(
    config.plugins.map(({ name }) => name),
    ['transcode', 'thumbnail', 'checksum', 'upload'],
  )
})

test('keeps the package.json that npm install created, if it is for ES modules', async () => {
  await using folder = await temporaryFolder()
  const manifest = join(folder.path, 'package.json')
  await writeFile(manifest, '{"type":"commonjs"}')
  assert.match(await initError(folder.path), 'npm pkg set type=module')
  assert.equal(await readdir(folder.path), ['package.json'])
  await writeFile(manifest, '{"type":"module"}')
  await mkdir(join(folder.path, 'node_modules/mediad'), { recursive: true })
  const next = (await runInit(folder.path)).at(-1) ?? ''
  assert.match(next, /^\nNext: cd \S+ && npm install --save-dev typescript @types\/node && npx mediad start --local$/)
  assert.is(await readFile(manifest, 'utf8'), '{"type":"module"}')
})

/** Returns the commands that `init` prints for a folder with a package.json, without the first and the last one. */
async function nextOf(manifest: object) {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'package.json'), JSON.stringify({ type: 'module', ...manifest }))
  return ((await runInit(folder.path)).at(-1) ?? '').split(' && ').slice(1, -1)
}

test('names what a package.json of its own lacks: mediad, and what the tsconfig.json needs', async () => {
  const types = { typescript: '6', '@types/node': '24' }
  assert.equal(await nextOf({ devDependencies: types, dependencies: { mediad: '1' } }), ['npm install'])
  assert.equal(await nextOf({ dependencies: { ...types, mediad: '1' } }), ['npm install'])
  assert.equal(await nextOf({ dependencies: { mediad: '1', typescript: '6' } }), [
    'npm install',
    'npm install --save-dev @types/node',
  ])
  assert.equal(await nextOf({}), ["npm install 'mediad@^1.2.3'", 'npm install --save-dev typescript @types/node'])
})

/** Writes the files of a project, and returns the dependency on mediad that `init` writes into a folder beside it. */
async function dependencyFrom(files: Record<string, object>, at = 'app/node_modules/mediad') {
  await using folder = await temporaryFolder()
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true })
    await writeFile(join(folder.path, path), JSON.stringify(content))
  }
  const target = join(folder.path, 'new', 'media')
  const next = (await runInit(target, { root: join(folder.path, at), version: '1.2.3' })).at(-1) ?? ''
  const { dependencies } = JSON.parse(await readFile(join(target, 'package.json'), 'utf8'))
  return { spec: (dependencies as { mediad: string }).mediad, next }
}

const specOf = async (...given: Parameters<typeof dependencyFrom>) => (await dependencyFrom(...given)).spec
const declare = (mediad: string) => ({ 'app/package.json': { dependencies: { mediad } } })

test('the new package depends on what mediad was installed from', async () => {
  const table: readonly [declared: string, expected: string][] = [
    ['file:../mediad-1.2.3.tgz', 'file:../../mediad-1.2.3.tgz'],
    ['file:mediad-1.2.3.tgz', 'file:../../app/mediad-1.2.3.tgz'],
    ['../my packages/mediad.tgz', 'file:../../my packages/mediad.tgz'],
    ['mediad-1.2.3.tgz', 'file:../../app/mediad-1.2.3.tgz'],
    ['github:someone/mediad', 'github:someone/mediad'],
    ['https://example.com/mediad-1.2.3.tgz', 'https://example.com/mediad-1.2.3.tgz'],
    ['^1.0.0', '^1.2.3'],
    ['latest', '^1.2.3'],
    ['npm:mediad@1', '^1.2.3'],
  ]
  for (const [declared, expected] of table) assert.is(await specOf(declare(declared)), expected, declared)
  const lock = { packages: { 'node_modules/mediad': { resolved: 'file:../mediad.tgz' } } }
  assert.is(await specOf({ 'app/node_modules/.package-lock.json': lock }), 'file:../../mediad.tgz')
  assert.is(await specOf({ 'app/package-lock.json': lock }), 'file:../../mediad.tgz')
  const registry = { packages: { 'node_modules/mediad': { resolved: 'https://registry.npmjs.org/mediad-1.2.3.tgz' } } }
  assert.is(await specOf({ 'app/package-lock.json': registry }), '^1.2.3')
  const nested = 'app/node_modules/.pnpm/mediad@1/node_modules/mediad'
  assert.is(await specOf(declare('file:../mediad.tgz'), nested), 'file:../../mediad.tgz')
})

test('from a clone, the new package links it, and the next command builds it', async () => {
  const { spec, next } = await dependencyFrom({}, 'clone')
  assert.is(spec, 'file:../../clone')
  assert.match(next, / && npm --prefix \.\.\/\.\.\/clone run build && npm install && npx mediad start --local$/)
})

test('replaces no file, and writes none if one exists', async () => {
  for (const name of ['media.config.ts', 'tsconfig.json', '.gitignore']) {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, name), 'mine')
    const message = await initError(folder.path)
    assert.match(message, `already contains ${name}`)
    assert.equal(await readdir(folder.path), [name])
    assert.is(await readFile(join(folder.path, name), 'utf8'), 'mine')
  }
})

test.exhaustive('the files type-check with the options of the tsconfig.json', async () => {
  await using folder = await temporaryFolder()
  await runInit(folder.path)
  await mkdir(join(folder.path, 'node_modules/@types'), { recursive: true })
  await symlink(root, join(folder.path, 'node_modules/mediad'))
  await symlink(join(root, 'node_modules/@types/node'), join(folder.path, 'node_modules/@types/node'))
  const args = ['-p', '.', '--customConditions', 'source']
  const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), args, { cwd: folder.path }).catch(
    (error: { stdout: string }) => error,
  )
  assert.is(stdout, '')
})
