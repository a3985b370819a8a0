import { spawn } from 'node:child_process'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { removeStaleWorkspaces } from '../../daemon/pipeline/cleanup.ts'
import { openWorkspaces } from '../../daemon/pipeline/workspace.ts'
import { createTestLog } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('workspace cleanup')
const log = createTestLog()

/** Creates a stale workspace: runs a process that opens one and is killed. */
async function createStaleWorkspace(directory: string): Promise<void> {
  const module = join(import.meta.dirname, '../../daemon/pipeline/workspace.ts')
  const code = `const { openWorkspaces } = await import(${JSON.stringify(module)})
    const workspaces = await openWorkspaces({ directory: ${JSON.stringify(directory)} })
    await workspaces.open({ id: 'a', claim: 1, sizeBytes: 1 })
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '-e', code], {
    stdio: 'inherit',
  })
  await new Promise((resolve) => child.once('close', resolve))
}

test('removes the workspaces of killed daemons, and keeps those of running ones', async () => {
  await using folder = await temporaryFolder()
  const own = await openWorkspaces({ directory: folder.path })
  for (let n = 0; n < 3; n++) await createStaleWorkspace(folder.path)
  assert.is((await readdir(folder.path)).length, 4)
  assert.is((await removeStaleWorkspaces({ directory: folder.path, log })).length, 3)
  assert.equal(await readdir(folder.path), [own.path.slice(folder.path.length + 1)])
  assert.equal(await removeStaleWorkspaces({ directory: folder.path, log }), [])
})

test('treats a process with a reused id as another process', async () => {
  await using folder = await temporaryFolder()
  const own = await openWorkspaces({ directory: folder.path })
  const file = join(own.path, 'owner.json')
  const owner = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  await writeFile(file, JSON.stringify({ ...owner, started: '1' }))
  assert.equal(await removeStaleWorkspaces({ directory: folder.path, log }), [own.path])
})

test('keeps folders whose owner it cannot check', async () => {
  await using folder = await temporaryFolder()
  const own = await openWorkspaces({ directory: folder.path })
  const file = join(own.path, 'owner.json')
  const owner = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
  const dead = { ...owner, pid: 2 ** 22 + 1, started: '1' }
  const unknown: Record<string, unknown> = {
    'mediad-other-host': { ...dead, host: 'elsewhere' },
    'mediad-other-namespace': { ...dead, namespace: 'pid:[1]' },
  }
  for (const [name, content] of Object.entries(unknown)) {
    await mkdir(join(folder.path, name))
    await writeFile(join(folder.path, name, 'owner.json'), JSON.stringify(content))
  }
  await mkdir(join(folder.path, 'mediad-unsigned'))
  await mkdir(join(folder.path, 'mediad-broken'))
  await writeFile(join(folder.path, 'mediad-broken/owner.json'), 'not JSON')
  await mkdir(join(folder.path, 'other-folder'))
  await writeFile(join(folder.path, 'other-folder/owner.json'), JSON.stringify(dead))
  await symlink(join(folder.path, 'other-folder'), join(folder.path, 'mediad-link'))
  const before = (await readdir(folder.path)).toSorted()
  assert.equal(await removeStaleWorkspaces({ directory: folder.path, log }), [])
  assert.equal((await readdir(folder.path)).toSorted(), before)
})
