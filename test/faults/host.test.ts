import * as assert from 'uvu/assert'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { noteCode } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { findProcess, isAlive } from '../helpers/liveness.ts'
import { largeVideo, tinyVideo } from '../helpers/media.ts'
import { codeOf } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { canMount, mountSmallDisk } from './disk.ts'
import { reelCode } from '../helpers/gate.ts'
import { besides, ROW_SECONDS } from '../helpers/besides.ts'
import { countUnwritten, hurry, readiness, terms } from './scene.ts'

const test = suite('host faults', { timeoutSeconds: ROW_SECONDS })
const row = besides(test)
const rest = row.exhaustive
const skipOnDisk = (name: string) => test.skip(name, 'this user may not mount a tmpfs')
const rowOnDisk = canMount() ? row : skipOnDisk
const restOnDisk = canMount() ? rest : skipOnDisk

const MiB = 1024 ** 2
const reeled = { code: reelCode, chain: '[reel(), upload()]' }
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
  await bench.quiescence()
  await bench.checkInvariants({ dead: ['origin_large.mp4'] })
  const document = await bench.document('origin_large.mp4')
  assert.equal(
    document?.history.map(({ error }) => error.code),
    ['resource.memory', 'resource.memory', 'resource.memory'],
  )
  assert.ok(isAlive(bench.first.daemon.pid))
})

restOnDisk('P11: a source that does not fit on the disk waits, costs no attempt, and holds up no other', async () => {
  await using disk = await mountSmallDisk(5)
  await using bench = await startBench({ ...quick, daemons: 0, more: `workspace: { directory: '${disk.path}' }` })
  const { daemon, line } = await bench.start(hurry)
  const filler = join(disk.path, 'filler')
  await writeFile(filler, Buffer.alloc(3 * MiB))
  await bench.upload('origin_large.mp4', await padded(1.5 * MiB))
  await daemon.waitFor((entry) => codeOf(entry) === 'resource.no_room')
  await bench.upload('origin_small.mp4', await tinyVideo())
  await bench.over('origin_small.mp4')
  assert.is(line.calls.filter(({ name, key }) => name === 'GET source' && key.includes('large')).length, 0)
  assert.is(await readiness(bench.first), 200, 'one source that does not fit is no trouble of the daemon')
  await rm(filler)
  await bench.quiescence()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_large.mp4'))?.attempt, 1)
})

rowOnDisk('P13: a disk that is read-only: not ready, no attempt lost, and it goes on when it is mended', async () => {
  await using disk = await mountSmallDisk(5)
  await using bench = await startBench({ ...quick, daemons: 0, more: `workspace: { directory: '${disk.path}' }` })
  const { daemon } = await bench.start(hurry)
  disk.remount('ro')
  await bench.upload('origin_a.mp4', await tinyVideo())
  await daemon.waitFor((entry) => codeOf(entry) === 'resource.workspace')
  await until('it is not ready', async () => (await readiness(bench.first)) === 503)
  disk.remount('rw')
  await bench.quiescence()
  await bench.checkInvariants()
  assert.is((await bench.document('origin_a.mp4'))?.attempt, 1)
  await until('it is ready again', async () => (await readiness(bench.first)) === 200)
})

rest('P13: the folder of workspaces is removed: not ready, no crash, and another daemon does the job', async () => {
  await using bench = await startBench({ ...reeled, daemons: 0 })
  const { daemon } = await bench.start(hurry)
  await bench.upload('origin_a.mp4', await tinyVideo())
  await findProcess('/ffmpeg', daemon.folder)
  await bench.openGate()
  const temporary = join(daemon.folder, 'tmp')
  for (const name of await readdir(temporary)) await rm(join(temporary, name), { recursive: true })
  await daemon.waitFor((entry) => codeOf(entry) === 'resource.workspace')
  await until('it is not ready', async () => (await readiness(bench.first)) === 503)
  await bench.start(hurry)
  await bench.quiescence()
  await bench.checkInvariants()
  const { attempt, history } = (await bench.document('origin_a.mp4')) ?? {}
  assert.equal([attempt, history], [1, []])
  assert.ok(isAlive(daemon.pid))
  const starts = daemon.entries.filter(({ event }) => event === 'job.started').length
  assert.ok(starts < 12, `it took the job ${starts} times`)
})

rest(
  'P18: failed jobs leave nothing on the disk; a dead daemon leaves its folder to the next one, who spares the living',
  async () => {
    await using folder = await temporaryFolder()
    const directory = join(folder.path, 'shared')
    await mkdir(directory)
    const job = terms({ leaseSeconds: 12, attempts: 9 })
    await using bench = await startBench({ ...reeled, more: `${job} workspace: { directory: '${directory}' }` })
    const garbage = Array.from({ length: 12 }, (_, n) => `origin_${n}.mp4`)
    for (const key of garbage) await bench.upload(key, `no film ${key}`)
    await bench.quiescence()
    assert.equal(await findWorkspaces(directory), [])
    const dying = bench.first.daemon
    const ownFolder = await onlyFolder(directory)
    await bench.upload('origin_a.mp4', await tinyVideo())
    await findProcess('/ffmpeg', ownFolder)
    const { daemon: living } = await bench.start()
    assert.ok((await findWorkspaces(directory)).length > 0, 'there is something to tidy up')
    await dying.kill()
    await bench.openGate()
    await bench.start()
    assert.not.ok((await readdir(directory)).includes(ownFolder))
    assert.is((await readdir(directory)).length, 2)
    assert.ok(isAlive(living.pid))
    await bench.quiescence()
    // burials on a busy machine: whoever loses a lease between telling the dead queue and writing it down tells it again
    await bench.checkInvariants({ dead: garbage, moreDead: countUnwritten(bench) })
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
