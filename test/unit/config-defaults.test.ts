import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { loadConfig } from '../../daemon/config/load.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('defaults of a command')

const api = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../daemon/index.ts')).href)

const toText = (http: string) => `
import { defineConfig, definePlugin, z } from ${api}
const note = definePlugin('note', z.object({}), () => ({ keys: ['note_{name}'], publishes: true, run() {} }))
export default defineConfig({
  bucket: 'media',
  queues: { work: { url: 'http://q/work' }, inProgress: { url: 'http://q/in-progress' }, dead: { url: 'http://q/dead' } },
  http: ${http},
  plugins: [note()],
})`

/** Loads a config with a default; returns two of its options. */
async function load(http: string): Promise<[boolean, number]> {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'media.config.mjs'), toText(http))
  const { config } = await loadConfig({ cwd: folder.path, defaults: { http: { files: true } } })
  return [config.http.files, config.http.port]
}

test('apply to options that the config leaves out, and to no others', async () => {
  assert.equal(await load('{ port: 4000 }'), [true, 4000])
  assert.equal(await load('{ files: false }'), [false, 3000])
})
