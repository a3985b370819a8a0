import { access, mkdir, readdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative } from 'node:path'
import * as assert from 'uvu/assert'
import { openWorkspaces } from '../../daemon/pipeline/workspace.ts'
import { JOB, rejection } from '../helpers/fakes.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const job = { id: JOB, claim: 3, sizeBytes: 10 }

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

const test = suite('workspace')

test('a workspace is named after job and claim, is private, and is removed with its contents', async () => {
  await using folder = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: folder.path })
  const workspace = await workspaces.open(job)
  assert.is(dirname(workspace.path), workspaces.path)
  assert.ok(basename(workspace.path).startsWith(`${JOB}-3-`))
  assert.is((await stat(workspace.path)).mode & 0o777, 0o700)
  assert.is((await stat(workspaces.path)).mode & 0o777, 0o700)
  await mkdir(join(workspace.path, 'deep', 'er'), { recursive: true })
  await writeFile(join(workspace.path, 'deep', 'er', 'file'), 'x')
  await workspace[Symbol.asyncDispose]()
  assert.not.ok(await exists(workspace.path))
  assert.ok(await exists(workspaces.path))
  await workspace[Symbol.asyncDispose]()
})

test('daemons on one disk, and claims of one job, have different workspaces', async () => {
  await using folder = await temporaryFolder()
  const [a, b] = await Promise.all([1, 2].map(() => openWorkspaces({ directory: folder.path })))
  const opened = await Promise.all([a?.open(job), b?.open(job), a?.open({ ...job, claim: 4 })])
  assert.is(new Set(opened.map((workspace) => workspace?.path)).size, 3)
})

test('every attempt has an empty workspace, even when a claim number is used again after its document was deleted', async () => {
  await using folder = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: folder.path })
  const first = await workspaces.open(job)
  await writeFile(join(first.path, 'source'), 'first attempt')
  const second = await workspaces.open(job)
  assert.equal(await readdir(second.path), [])
  await second[Symbol.asyncDispose]()
  assert.equal(await readdir(first.path), ['source'])
})

test('closing removes all remaining workspaces', async () => {
  await using folder = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: folder.path })
  const workspace = await workspaces.open(job)
  await writeFile(join(workspace.path, 'file'), 'x')
  await workspaces.close()
  assert.equal(await readdir(folder.path), [])
  await workspaces.close()
})

test('creates a missing folder', async () => {
  await using folder = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: join(folder.path, 'a', 'b') })
  assert.ok(await exists(workspaces.path))
})

test('the path is absolute, even when the configured one is relative', async () => {
  await using folder = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: relative(process.cwd(), folder.path) })
  assert.ok(isAbsolute(workspaces.path), workspaces.path)
  assert.ok(isAbsolute((await workspaces.open(job)).path))
})

test('reports a folder that cannot be created as a configuration error with its path', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'file')
  await writeFile(file, '')
  const error = await rejection(openWorkspaces({ directory: join(file, 'inside') }))
  assert.is(error.code, 'config.invalid')
  assert.match(error.message, /workspace\.directory/)
  assert.ok(error.message.includes(file))
})

test('refuses a source that does not fit before it creates a workspace, and reports the free space', async () => {
  await using folder = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: folder.path })
  const { bavail, bsize } = await statfs(folder.path)
  const cases = [
    [bavail * bsize * 0.75, 'resource.no_room', 'release'],
    [5 * 1024 ** 5, 'resource.disk', 'retry'], // larger than the disk
    [Number.MAX_SAFE_INTEGER, 'resource.disk', 'retry'],
  ] as const
  for (const [size, code, verdict] of cases) {
    const sizeBytes = Math.round(size)
    const error = await rejection(workspaces.open({ ...job, sizeBytes }))
    assert.equal([error.code, error.verdict], [code, verdict])
    assert.match(error.message, new RegExp(`${sizeBytes} bytes.*are free`))
  }
  assert.equal(await readdir(workspaces.path), ['owner.json'])
  assert.ok(await workspaces.open({ ...job, sizeBytes: 0 }))
})

test('reports a folder that was removed while the daemon runs as unusable', async () => {
  await using folder = await temporaryFolder()
  const workspaces = await openWorkspaces({ directory: folder.path })
  await rm(workspaces.path, { recursive: true })
  const error = await rejection(workspaces.open(job))
  assert.equal([error.code, error.verdict], ['resource.workspace', 'release'])
  assert.ok(error.message.includes(workspaces.path))
})
