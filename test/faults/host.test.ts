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
const rowOnDisk = canMount() ? row : (name: string) => test.skip(name, 'this user may not mount a tmpfs')

const MiB = 1024 ** 2
const slow = { code: slowCopyCode, chain: '[slowCopy(), upload()]' }
const quick = { code: noteCode, chain: '[note(), upload()]' }

async function padded(bytes: number): Promise<Buffer> {
  const box = Buffer.alloc(bytes)
  box.writeUInt32BE(bytes)
  box.write('free', 4)
  return Buffer.concat([await tinyVideo(), box])
}

rest('P10: an ffmpeg out of memory fails the attempt, not the daemon', async () => {
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

rowOnDisk('P11: a source that does not fit on the disk waits, costs no attempt, and holds up no other', async () => {
  await using disk = await mountSmallDisk(5)
  await using bench = await startBench({ ...quick, daemons: 0, more: `workspace: { directory: '${disk.path}' }` })
  const { daemon, proxy } = await bench.start(shortenReleaseDelay)
  const filler = join(disk.path, 'filler')
  await writeFile(filler, Buffer.alloc(3 * MiB))
  await bench.upload('origin_large.mp4', await padded(1.5 * MiB))
  await daemon.waitFor((entry) => readErrorCode(entry) === 'resource.no_room')
  await bench.upload('origin_small.mp4', await tinyVideo())
  await bench.waitUntilFinished('origin_small.mp4')
  assert.is(proxy.calls.filter(({ name, key }) => name === 'GET source' && key.includes('large')).length, 0)
  assert.is(await getReadyStatus(bench.first), 200, 'one source that does not fit is no trouble of the daemon')
  await rm(filler)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_large.mp4'))?.attempt, 1)
})

rowOnDisk('P13: a disk that is read-only: not ready, no attempt lost, and it goes on when it is mended', async () => {
  await using disk = await mountSmallDisk(5)
  await using bench = await startBench({ ...quick, daemons: 0, more: `workspace: { directory: '${disk.path}' }` })
  const { daemon } = await bench.start(shortenReleaseDelay)
  disk.remount('ro')
  await bench.upload('origin_a.mp4', await tinyVideo())
  await daemon.waitFor((entry) => readErrorCode(entry) === 'resource.workspace')
  await until('it is not ready', async () => (await getReadyStatus(bench.first)) === 503)
  disk.remount('rw')
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  await until('it is ready again', async () => (await getReadyStatus(bench.first)) === 200)
})

rest('P13: the folder of workspaces is removed: not ready, no crash, and another daemon does the job', async () => {
  await using bench = await startBench({ ...slow, daemons: 0 })
  const { daemon } = await bench.start(shortenReleaseDelay)
  await bench.upload('origin_a.mp4', await tinyVideo())
  await waitForProcess('/ffmpeg', daemon.folder)
  await bench.openGate()
  const temporary = join(daemon.folder, 'tmp')
  for (const name of await readdir(temporary)) await rm(join(temporary, name), { recursive: true })
  await daemon.waitFor((entry) => readErrorCode(entry) === 'resource.workspace')
  await until('it is not ready', async () => (await getReadyStatus(bench.first)) === 503)
  await bench.start(shortenReleaseDelay)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const { attempt, history } = (await bench.document('origin_a.mp4')) ?? {}
  assert.equal([attempt, history], [1, []])
  assert.ok(isAlive(daemon.pid))
  const starts = daemon.entries.filter(({ event }) => event === 'job.started').length
  assert.ok(starts < 12, `it took the job ${starts} times`)
})

row(
  'P18: failed jobs leave nothing on the disk; a dead daemon leaves its folder to the next one, who spares the living',
  async () => {
    await using folder = await temporaryFolder()
    const directory = join(folder.path, 'shared')
    await mkdir(directory)
    const job = toJobConfig({ leaseSeconds: 12, attempts: 9 })
    await using bench = await startBench({ ...slow, more: `${job} workspace: { directory: '${directory}' }` })
    const garbage = Array.from({ length: 12 }, (_, n) => `origin_${n}.mp4`)
    for (const key of garbage) await bench.upload(key, `no film ${key}`)
    await bench.waitUntilIdle()
    assert.equal(await findWorkspaces(directory), [])
    const dying = bench.first.daemon
    const ownFolder = await onlyFolder(directory)
    await bench.upload('origin_a.mp4', await tinyVideo())
    await waitForProcess('/ffmpeg', ownFolder)
    const { daemon: living } = await bench.start()
    assert.ok((await findWorkspaces(directory)).length > 0, 'there is something to tidy up')
    await dying.kill()
    await bench.openGate()
    await bench.start()
    assert.not.ok((await readdir(directory)).includes(ownFolder))
    assert.is((await readdir(directory)).length, 2)
    assert.ok(isAlive(living.pid))
    await bench.waitUntilIdle()
    // burials on a busy machine: whoever loses a lease between telling the dead queue and writing it down tells it again
    await bench.checkInvariants({ dead: garbage, moreDead: countFailedSettlements(bench) })
    assert.equal(await findWorkspaces(directory), [])
  },
)

const findWorkspaces = async (directory: string) =>
  (await readdir(directory, { recursive: true })).filter((name) => /(?:^|\/)[0-9a-f]{32}-[^/]+$/.test(name))

async function onlyFolder(directory: string): Promise<string> {
  const [name = '', ...more] = await readdir(directory)
  assert.equal(more, [])
  return name
}
