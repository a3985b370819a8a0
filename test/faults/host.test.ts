import * as assert from 'uvu/assert'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { noteCode } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { waitForProcess, isAlive } from '../helpers/liveness.ts'
import { largeVideo, tinyVideo } from '../helpers/media.ts'
import { readErrorCode } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { canMount, mountSmallDisk } from './disk.ts'
import { slowCopyCode } from '../helpers/gate.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import { countFailedSettlements, shortenReleaseDelay, getReadyStatus, toJobConfig } from './setup.ts'

const test = suite('host faults', { timeoutSeconds: ROW_SECONDS })
const row = runInParallel(test)
const rest = row.exhaustive
const skipOnDisk = (name: string) => test.skip(name, 'this user cannot mount a tmpfs')
const restOnDisk = canMount() ? rest : skipOnDisk

const MiB = 1024 ** 2
const slow = { code: slowCopyCode, chain: '[slowCopy(), upload()]' }
const quick = { code: noteCode, chain: '[note(), upload()]' }

/** Returns a video followed by a `free` box of this size. */
async function createPaddedVideo(bytes: number): Promise<Buffer> {
  const box = Buffer.alloc(bytes)
  box.writeUInt32BE(bytes)
  box.write('free', 4)
  return Buffer.concat([await tinyVideo(), box])
}

rest('P10: an ffmpeg that runs out of memory fails the attempt, not the daemon', async () => {
  await using bench = await startBench({
    chain: `[transcode({ preset: 'veryfast', copy: 'never' }), upload()]`,
    more: 'limits: { memoryBytes: 1_000_000_000 }',
  })
  await bench.upload('origin_large.mp4', await largeVideo())
  await bench.upload('origin_tiny.mp4', await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants({ dead: ['origin_large.mp4'] })
  const document = await bench.document('origin_large.mp4')
  assert.equal(
    document?.history.map(({ error }) => error.code),
    ['resource.memory', 'resource.memory', 'resource.memory'],
  )
  assert.ok(isAlive(bench.first.daemon.pid))
})

restOnDisk('P11: a source that does not fit on the disk waits, uses no attempt, and delays no other job', async () => {
  await using disk = await mountSmallDisk(5)
  await using bench = await startBench({ ...quick, daemons: 0, more: `workspace: { directory: '${disk.path}' }` })
  const { daemon, proxy } = await bench.start(shortenReleaseDelay)
  const filler = join(disk.path, 'filler')
  await writeFile(filler, Buffer.alloc(3 * MiB))
  await bench.upload('origin_large.mp4', await createPaddedVideo(1.5 * MiB))
  await daemon.waitFor((entry) => readErrorCode(entry) === 'resource.no_room')
  await bench.upload('origin_small.mp4', await tinyVideo())
  await bench.waitUntilFinished('origin_small.mp4')
  assert.is(proxy.calls.filter(({ name, key }) => name === 'GET source' && key.includes('large')).length, 0)
  assert.is(await getReadyStatus(bench.first), 200, 'a source that does not fit does not make the daemon unready')
  await rm(filler)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_large.mp4'))?.attempt, 1)
})

restOnDisk('P13: a read-only disk: not ready, no attempt used, and work continues once it is writable', async () => {
  await using disk = await mountSmallDisk(5)
  await using bench = await startBench({ ...quick, daemons: 0, more: `workspace: { directory: '${disk.path}' }` })
  const { daemon } = await bench.start(shortenReleaseDelay)
  disk.remount('ro')
  await bench.upload('origin_a.mp4', await tinyVideo())
  await daemon.waitFor((entry) => readErrorCode(entry) === 'resource.workspace')
  await until('the daemon is not ready', async () => (await getReadyStatus(bench.first)) === 503)
  disk.remount('rw')
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  await until('the daemon is ready again', async () => (await getReadyStatus(bench.first)) === 200)
})

rest('P13: a removed workspace folder: not ready, no crash, and another daemon does the job', async () => {
  await using bench = await startBench({ ...slow, daemons: 0 })
  const { daemon } = await bench.start(shortenReleaseDelay)
  await bench.upload('origin_a.mp4', await tinyVideo())
  await waitForProcess('/ffmpeg', daemon.folder)
  await bench.openGate()
  const temporary = join(daemon.folder, 'tmp')
  for (const name of await readdir(temporary)) await rm(join(temporary, name), { recursive: true })
  await daemon.waitFor((entry) => readErrorCode(entry) === 'resource.workspace')
  await until('the daemon is not ready', async () => (await getReadyStatus(bench.first)) === 503)
  await bench.start(shortenReleaseDelay)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const { attempt, history } = (await bench.document('origin_a.mp4')) ?? {}
  assert.equal([attempt, history], [1, []])
  assert.ok(isAlive(daemon.pid))
  const starts = daemon.entries.filter(({ event }) => event === 'job.started').length
  assert.ok(starts < 12, `the daemon started the job ${starts} times`)
})

rest(
  'P18: failed jobs leave nothing on the disk; the next daemon removes the folder of a dead one, and no other',
  async () => {
    await using folder = await temporaryFolder()
    const directory = join(folder.path, 'shared')
    await mkdir(directory)
    const job = toJobConfig({ leaseSeconds: 12, attempts: 9 })
    await using bench = await startBench({ ...slow, more: `${job} workspace: { directory: '${directory}' }` })
    const invalid = Array.from({ length: 12 }, (_, n) => `origin_${n}.mp4`)
    for (const key of invalid) await bench.upload(key, `not a video ${key}`)
    await bench.waitUntilIdle()
    assert.equal(await findWorkspaces(directory), [])
    const first = bench.first.daemon
    const ownFolder = await findOnlyFolder(directory)
    await bench.upload('origin_a.mp4', await tinyVideo())
    await waitForProcess('/ffmpeg', ownFolder)
    const { daemon: second } = await bench.start()
    assert.ok((await findWorkspaces(directory)).length > 0, 'there is a workspace to remove')
    await first.kill()
    await bench.openGate()
    await bench.start()
    assert.not.ok((await readdir(directory)).includes(ownFolder))
    assert.is((await readdir(directory)).length, 2)
    assert.ok(isAlive(second.pid))
    await bench.waitUntilIdle()
    // on a busy machine, an owner can lose its lease between the dead-letter message and the document write
    await bench.checkInvariants({ dead: invalid, moreDead: countFailedSettlements(bench) })
    assert.equal(await findWorkspaces(directory), [])
  },
)

const findWorkspaces = async (directory: string) =>
  (await readdir(directory, { recursive: true })).filter((name) => /(?:^|\/)[0-9a-f]{32}-[^/]+$/.test(name))

async function findOnlyFolder(directory: string): Promise<string> {
  const [name = '', ...more] = await readdir(directory)
  assert.equal(more, [])
  return name
}
