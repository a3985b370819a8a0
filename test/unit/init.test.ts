import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { init } from '../../daemon/cli/init/init.ts'
import { loadConfig } from '../../daemon/config/load.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('init')
const root = join(import.meta.dirname, '../..')

async function runInit(folder: string) {
  const printed: string[] = []
  await init({ print: (line) => void printed.push(line) }, { folder, version: '1.2.3' })
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
  assert.match(next, / && npx mediad start --local$/)
  assert.not.match(next, 'npm install')
  assert.is(await readFile(manifest, 'utf8'), '{"type":"module"}')
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
