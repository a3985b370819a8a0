import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { loadConfig, type LoadOptions } from '../../daemon/config/load.ts'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('loading the config')

const api = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../daemon/index.ts')).href)

/** Returns the text of a valid config, with `change` applied. */
const toText = (change = '{}') => `
import { defineConfig, definePlugin, env, z } from ${api}
const note = definePlugin('note', z.object({}), () => ({ keys: ['note_{name}'], publishes: true, run(): void {} }))
export default defineConfig({
  bucket: env('MEDIAD_TEST_BUCKET', 'media'),
  queues: { work: { url: 'http://q/work', concurrency: 3 }, inProgress: { url: 'http://q/in-progress' }, dead: { url: 'http://q/dead' } },
  plugins: [note()],
  ...${change},
})`

const endpointVariables = ['HTTP_HOST', 'HTTP_PORT', 'HTTP_AUTHORIZE', 'METRICS', 'METRICS_HOST', 'METRICS_PORT'].map(
  (name) => `MEDIAD_${name}`,
)

const toScript = (change = '{}') => toText(change).replace(': void', '')

async function folderWith(files: Record<string, string>) {
  const folder = await temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true })
    await writeFile(join(folder.path, name), text)
  }
  return folder
}

/** Returns the message of the error with which loading fails. */
async function loadError(options: LoadOptions): Promise<string> {
  try {
    await loadConfig(options)
  } catch (error) {
    assert.instance(error, MediadError)
    assert.is((error as MediadError).code, 'config.invalid')
    return (error as MediadError).message
  }
  return assert.unreachable('the config was loaded') as never
}

for (const extension of ['ts', 'mts', 'js', 'mjs'])
  test(`finds media.config.${extension}`, async () => {
    const name = `media.config.${extension}`
    await using folder = await folderWith({
      [name]: extension.endsWith('ts') ? toText() : toScript(),
      'package.json': '{"type":"module"}',
    })
    const { config, file } = await loadConfig({ cwd: folder.path })
    assert.is(file, join(folder.path, name))
    assert.is(config.queues.work.concurrency, 3)
    assert.is(config.http.port, 3000)
  })

test('searches the parent folders', async () => {
  await using folder = await folderWith({ 'media.config.mts': toText(), 'a/b/c/file': '', 'a/package.json': '{}' })
  const { file } = await loadConfig({ cwd: join(folder.path, 'a/b/c') })
  assert.is(file, join(folder.path, 'media.config.mts'))
})

test('prefers the config in the nearest folder', async () => {
  await using folder = await folderWith({
    'media.config.mts': 'throw new Error("not this one")',
    'a/media.config.mjs': toScript(),
  })
  const { file } = await loadConfig({ cwd: join(folder.path, 'a') })
  assert.is(file, join(folder.path, 'a/media.config.mjs'))
})

test('loads a given file of any name, relative to the folder', async () => {
  await using folder = await folderWith({
    'media.config.mts': 'throw new Error("not this one")',
    'conf/other.mts': toText(),
  })
  for (const file of ['conf/other.mts', join(folder.path, 'conf/other.mts')])
    assert.is((await loadConfig({ cwd: folder.path, file })).file, join(folder.path, 'conf/other.mts'))
})

test('creates no files beside the config', async () => {
  const { readdir } = await import('node:fs/promises')
  await using folder = await folderWith({ 'media.config.mts': toText() })
  await loadConfig({ cwd: folder.path })
  assert.equal(await readdir(folder.path), ['media.config.mts'])
})

test('reports where it searched, and what to do, when there is no config', async () => {
  await using folder = await folderWith({})
  // the root has no parent folder that could contain a config
  assert.match(await loadError({ cwd: '/' }), /no media\.config\.ts in \/ or any folder above; .*--config/)
  assert.match(await loadError({ cwd: folder.path, file: 'none.ts' }), /no config file .*none\.ts/)
})

test('reports file and line of a config that throws, whatever the code of its error', async () => {
  await using folder = await folderWith({
    'plain.mts': '\n\nthrow new Error("boom")',
    'a/media.config.mts': '\nthrow Object.assign(new Error("gone"), { code: "ENOENT" })',
    'media.config.mts': toText(),
  })
  assert.match(await loadError({ cwd: folder.path, file: 'plain.mts' }), /cannot load .*plain\.mts, line 3: boom/)
  assert.match(await loadError({ cwd: join(folder.path, 'a') }), /cannot load .*a\/media\.config\.mts, line 2: gone/)
})

test('reports the file of syntax errors and missing imports', async () => {
  await using folder = await folderWith({
    'syntax.mts': 'export default {\n  a: ,\n}',
    'lost.mts': 'import "./nowhere.ts"\nexport default {}',
  })
  assert.match(await loadError({ cwd: folder.path, file: 'syntax.mts' }), /cannot load .*syntax\.mts/)
  assert.match(await loadError({ cwd: folder.path, file: 'lost.mts' }), /cannot load .*lost\.mts.*nowhere/)
})

test('rejects a config that is empty, has no default export, or exports another type', async () => {
  await using folder = await folderWith({
    'named.mts': 'export const config = {}',
    'empty/media.config.mts': '',
    'list.mts': 'export default []',
    'null.mts': 'export default null',
  })
  const expected = /export default defineConfig/
  for (const file of ['named.mts', 'list.mts', 'null.mts', 'empty/media.config.mts'])
    assert.match(await loadError({ cwd: folder.path, file }), expected)
  assert.match(await loadError({ cwd: join(folder.path, 'empty') }), expected)
})

test('lists the problems under the name of the file', async () => {
  await using folder = await folderWith({ 'media.config.mts': toText('{ http: { prot: 1, port: -1 } }') })
  const message = await loadError({ cwd: folder.path })
  assert.match(message, /media\.config\.mts has 2 problems:\n/)
  assert.match(message, /^ {2}http\.prot: unknown option; did you mean "port"\?$/m)
  assert.match(message, /^ {2}http\.port: must be/m)
})

test('merges the overrides into the config before validation, and replaces lists', async () => {
  const urls =
    'queues: { work: { url: env("MEDIAD_TEST_NONE"), concurrency: 3 }, inProgress: { url: "http://q/in-progress" }, dead: { url: "http://q/dead" } }'
  await using folder = await folderWith({
    'media.config.mts': toText(`{ ${urls}, http: { port: -5, urlSeconds: 60 } }`),
  })
  assert.match(
    await loadError({ cwd: folder.path }),
    /queues\.work\.url: the environment variable MEDIAD_TEST_NONE is not set/,
  )
  const overrides = {
    queues: { work: { url: 'http://q/other' } },
    http: { port: 0, host: undefined },
    job: { attempts: 1 },
  }
  const { config } = await loadConfig({ cwd: folder.path, overrides })
  assert.equal(config.queues.work, { url: 'http://q/other', poll: '*/5 * * * * *', concurrency: 3 })
  assert.is(config.http.port, 0)
  assert.is(config.http.urlSeconds, 60)
  assert.is(config.http.host, '127.0.0.1')
  assert.is(config.job.attempts, 1)
  const plugins = [...config.plugins, { ...config.plugins[0], name: 'second', hooks: { run() {} }, problems: [] }]
  assert.is((await loadConfig({ cwd: folder.path, overrides: { ...overrides, plugins } })).config.plugins.length, 2)
})

test('validates the overrides', async () => {
  await using folder = await folderWith({ 'media.config.mts': toText() })
  assert.match(await loadError({ cwd: folder.path, overrides: { http: { port: 70_000 } } }), /http\.port: must be/)
})

test('reads .env beside the config before it is evaluated, and does not replace variables that are set', async () => {
  const change = '{ http: { host: env("MEDIAD_TEST_HOST") }, workspace: { directory: env("MEDIAD_TEST_FOLDER") } }'
  await using folder = await folderWith({
    'media.config.mts': toText(change),
    '.env': 'MEDIAD_TEST_BUCKET=from-file\nMEDIAD_TEST_HOST="::1"\nMEDIAD_TEST_FOLDER=/from/file\n',
    'sub/.env': 'MEDIAD_TEST_BUCKET=from-another-folder\n',
  })
  process.env.MEDIAD_TEST_FOLDER = '/from/environment'
  const { config } = await loadConfig({ cwd: join(folder.path, 'sub') })
  assert.is(config.bucket, 'from-file')
  assert.is(config.http.host, '::1')
  assert.is(config.workspace.directory, '/from/environment')
  for (const name of ['BUCKET', 'HOST', 'FOLDER']) delete process.env[`MEDIAD_TEST_${name}`]
})

test('takes host and port of the endpoint from the environment, over the config and under the overrides', async () => {
  await using folder = await folderWith({
    'media.config.mts': toText("{ http: { host: '127.0.0.1', port: 3001, urlSeconds: 60 } }"),
    'plain/media.config.mts': toText(),
    '.env': 'MEDIAD_HTTP_HOST=0.0.0.0\nMEDIAD_HTTP_PORT=8080\nMEDIAD_HTTP_AUTHORIZE=none\n',
  })
  const pick = async (options: LoadOptions) => {
    const { host, port, urlSeconds } = (await loadConfig({ cwd: folder.path, ...options })).config.http
    return [host, port, urlSeconds]
  }
  try {
    assert.equal(await pick({}), ['0.0.0.0', 8080, 60])
    process.env.MEDIAD_HTTP_PORT = '0'
    assert.equal(await pick({}), ['0.0.0.0', 0, 60])
    assert.equal(await pick({ file: 'plain/media.config.mts' }), ['0.0.0.0', 0, 900])
    assert.equal(await pick({ overrides: { http: { port: 9000 } } }), ['0.0.0.0', 9000, 60])
    for (const name of endpointVariables) process.env[name] = ''
    assert.equal(await pick({}), ['127.0.0.1', 3001, 60])
  } finally {
    for (const name of endpointVariables) delete process.env[name]
  }
})

test('takes where metrics can be read from the environment, and reports invalid values', async () => {
  await using folder = await folderWith({ 'media.config.mts': toText("{ metrics: { expose: 'endpoint', port: 1 } }") })
  const pick = async () => (await loadConfig({ cwd: folder.path })).config.metrics
  try {
    assert.equal(await pick(), { expose: 'endpoint', host: '127.0.0.1', port: 1 })
    Object.assign(process.env, { MEDIAD_METRICS: 'port', MEDIAD_METRICS_HOST: '::', MEDIAD_METRICS_PORT: '0' })
    assert.equal(await pick(), { expose: 'port', host: '::', port: 0 })
    Object.assign(process.env, { MEDIAD_METRICS: 'on', MEDIAD_METRICS_PORT: 'x' })
    const message = await loadError({ cwd: folder.path })
    const expected = 'the environment variable MEDIAD_METRICS must be "off", "endpoint" or "port", not "on"'
    assert.match(message, `  metrics.expose: ${expected}\n`)
    assert.match(message, /^ {2}metrics\.port: the environment variable MEDIAD_METRICS_PORT must be an integer/m)
  } finally {
    for (const name of endpointVariables) delete process.env[name]
  }
})

test('reports an invalid host or port of the environment at its path, and by the name of the variable', async () => {
  await using folder = await folderWith({ 'media.config.mts': toText('{ job: { attempts: 0 } }') })
  try {
    for (const port of ['http', '-1', '3000.5', '65536', '0x10', '1e3', ' ', '3000 ']) {
      Object.assign(process.env, { MEDIAD_HTTP_HOST: ' ', MEDIAD_HTTP_PORT: port })
      const message = await loadError({ cwd: folder.path })
      assert.match(message, /has 3 problems:\n/)
      assert.match(message, /^ {2}http\.host: the environment variable MEDIAD_HTTP_HOST must not be empty$/m)
      const [, shown] = /^ {2}http\.port: the environment variable MEDIAD_HTTP_PORT (.*)$/m.exec(message) ?? []
      const quoted = port === '65536' ? port : `"${port}"`
      assert.is(shown, `must be an integer from 0 to 65535, not ${quoted}`, message)
    }
  } finally {
    for (const name of endpointVariables) delete process.env[name]
  }
})

test('reports a .env that cannot be read', async () => {
  await using folder = await folderWith({ 'media.config.mts': toText(), '.env/file': '' })
  assert.match(await loadError({ cwd: folder.path }), /cannot read .*\.env/)
})

test('loads the config of the repository, with overrides for its queues', async () => {
  const cwd = join(import.meta.dirname, '../..')
  const queues = {
    work: { url: 'http://q/work' },
    inProgress: { url: 'http://q/in-progress' },
    dead: { url: 'http://q/dead' },
  }
  const { config, file } = await loadConfig({ cwd, overrides: { queues } })
  assert.is(file, join(cwd, 'media.config.ts'))
  assert.equal(
    config.plugins.map(({ name }) => name),
    ['transcode', 'thumbnail', 'upload'],
  )
})

test('loads zod and no other package when the public API is imported', () => {
  const script = `import { registerHooks } from 'node:module'
    const packages = new Set()
    registerHooks({ resolve(specifier, context, next) {
      const found = next(specifier, context)
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url)?.[1]
      if (name) packages.add(name)
      return found
    } })
    await import(${api})
    process.stdout.write([...packages].join())`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.is(stdout, 'zod', stderr)
})
