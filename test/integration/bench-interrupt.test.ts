/** Ctrl-C during a benchmark. The runner of the tests fails this file if a process is left. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const root = join(import.meta.dirname, '../..')
const test = suite('interrupted bench', { exhaustive: true })

test('an interrupted benchmark leaves no file', async () => {
  await using folder = await temporaryFolder()
  const args = ['--conditions=source', 'test/bench/main.ts', 'idle', '--smoke']
  const env = { ...process.env, TMPDIR: folder.path }
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'ignore' })
  const ended = once(child, 'exit')
  const readFiles = () => readdir(folder.path, { recursive: true })
  await until('a daemon starts', async () => (await readFiles()).some((path) => path.endsWith('media.config.mjs')))
  child.kill('SIGINT')
  assert.equal(await ended, [130, null])
  assert.equal(await readFiles(), [])
})
