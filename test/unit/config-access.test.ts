import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../daemon/config/load.ts'
import { toMessage } from '../../daemon/vocabulary/errors.ts'
import { describeEndpoint } from '../../daemon/lifecycle/checks.ts'
import { bearer } from '../../daemon/index.ts'
import { problemsOf } from '../helpers/config-problems.ts'
import { makeConfig } from '../helpers/edge.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('config: who can use the endpoint')

const { routes: _, ...minimal } = makeConfig()
const withHttp = (http: object) => ({ ...minimal, http })
const describe = (http: object) => describeEndpoint(makeConfig({ http }).http)
const load = async (file: string) => (await loadConfig({ file })).config.http.authorize
const fail = async (file: string) => toMessage(await load(file).catch((error: unknown) => error))
const anyone = () => ({ id: 'a' })

test('lets only loopback addresses be opened without http.authorize', () => {
  for (const host of ['127.0.0.1', '127.8.9.10', 'localhost', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1'])
    assert.equal(problemsOf(withHttp({ host })), [], host)
  for (const host of [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '::ffff:10.0.0.1',
    'localhost.example.com',
    '127.0.0.1.example.com',
    '127.1',
    'media.internal',
  ]) {
    const problems = problemsOf(withHttp({ host }))
    assert.is(problems.length, 1, host)
    assert.match(problems[0] ?? '', `http.host: "${host}" makes the endpoint reachable from other machines`)
    assert.match(problems[0] ?? '', /set http\.authorize to .*, or to 'none' \(MEDIAD_HTTP_AUTHORIZE=none\)/)
    for (const authorize of ['none', anyone]) assert.equal(problemsOf(withHttp({ host, authorize })), [])
  }
})

test('accepts a function or "none"', () => {
  for (const authorize of ['all', true, null, { id: 'a' }]) {
    const problems = problemsOf(withHttp({ host: '0.0.0.0', authorize }))
    assert.is(problems.length, 1)
    assert.match(problems[0] ?? '', /^http\.authorize: must be a function, .* or "none", not /)
  }
})

test('does not show a token that is set as the option', () => {
  for (const authorize of ['t0ken'.repeat(8), `Bearer ${'t0ken'.repeat(8)}`]) {
    const problems = problemsOf(withHttp({ authorize }))
    assert.match(problems[0] ?? '', /^http\.authorize: must be a function, .* not text$/)
    assert.not.match(problems.join(), 't0ken')
  }
})

test('describes who can use the endpoint', () => {
  assert.match(describe({}), /^127\.0\.0\.1:3000: open to every program on this machine, .* not set$/)
  assert.match(describe({ host: '::', authorize: 'none' }), /^\[::\]:3000: open to everyone who reaches it/)
  const authorize = bearer({ tokens: { ['a'.repeat(32)]: 'a' } })
  assert.match(describe({ authorize }), /need an identity \(http\.authorize: bearer\)$/)
  assert.match(describe({ authorize: anyone }), /http\.authorize: anyone\)$/)
  assert.match(describe({ authorize: (() => anyone)() }), /anyone/)
})

test('the environment can say "none" for a config that leaves it out, but turns off no function', async () => {
  await using folder = await temporaryFolder()
  const api = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../daemon/index.ts')).href)
  const write = async (name: string, http: string) => {
    const file = join(folder.path, name)
    const queues = ['work', 'inProgress', 'dead'].map((queue) => `${queue}: { url: 'http://q/${queue}' }`).join()
    const plugin = "definePlugin('note', z.object({}), () => ({ run() {} }))()"
    const text = `import { definePlugin, z } from ${api}
export default { bucket: 'media', queues: { ${queues} }, plugins: [${plugin}], http: ${http} }`
    await writeFile(file, text)
    return file
  }
  const open = await write('open.media.config.mts', "{ host: '0.0.0.0' }")
  const own = await write('own.media.config.mts', "{ host: '0.0.0.0', authorize: () => ({ id: 'a' }) }")
  try {
    assert.match(await fail(open), /http\.host: "0\.0\.0\.0" makes the endpoint reachable/)
    assert.type(await load(own), 'function')
    process.env.MEDIAD_HTTP_AUTHORIZE = 'none'
    assert.is(await load(open), 'none')
    assert.type(await load(own), 'function')
    process.env.MEDIAD_HTTP_AUTHORIZE = ''
    assert.match(await fail(open), /http\.host: /)
    process.env.MEDIAD_HTTP_AUTHORIZE = 'off'
    const expected = /^ {2}http\.authorize: the environment variable MEDIAD_HTTP_AUTHORIZE must be "none", not "off"$/m
    assert.match(await fail(open), expected)
  } finally {
    delete process.env.MEDIAD_HTTP_AUTHORIZE
  }
})
