import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('node version')
const source = join(import.meta.dirname, '../../daemon/main.ts')
const fake = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })"

/** Runs the entry of the published form, without any file that it imports. */
async function runEntry(node: string, ...args: string[]) {
  await using folder = await temporaryFolder()
  const entry = join(folder.path, 'main.mjs')
  await writeFile(entry, stripTypeScriptTypes(readFileSync(source, 'utf8')))
  return spawnSync(node, [...args, entry, 'start'], { encoding: 'utf8' })
}

function assertRefused({ status, stderr }: { status: number | null; stderr: string }, version: RegExp): void {
  assert.is(status, 2, stderr)
  assert.match(stderr, /^mediad needs Node 24 or newer; this is Node /)
  assert.match(stderr, version)
  assert.match(stderr, 'PATH=$PWD/node_modules/.bin:$PATH npm install')
}

test('refuses an old Node before it imports anything', async () => {
  assertRefused(
    await runEntry(process.execPath, '--import', `data:text/javascript,${encodeURIComponent(fake)}`),
    /20\.1\.0/,
  )
})

const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path) && majorOf(path) < 24)
if (old === undefined) test.skip('an old Node can parse the entry', 'no old Node found')
else test('an old Node can parse the entry', async () => assertRefused(await runEntry(old), /this is Node \d+\.\d+/))

function majorOf(node: string): number {
  const { stdout } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  return Number.parseInt(stdout, 10)
}
