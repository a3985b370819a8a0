import * as assert from 'uvu/assert'
import { execFileSync } from 'node:child_process'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { noteCode } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { readErrorCode } from '../helpers/process.ts'
import { waitForProcess, isAlive } from '../helpers/liveness.ts'
import { tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'
import { startBench } from './bench.ts'
import { slowCopyCode } from '../helpers/gate.ts'
import { runInParallel, ROW_SECONDS } from '../helpers/parallel.ts'
import { shortenReleaseDelay, toJobConfig, type Bench } from './setup.ts'

const row = runInParallel(suite('process faults', { timeoutSeconds: ROW_SECONDS }))
const rest = row.exhaustive

const slow = { code: slowCopyCode, chain: '[slowCopy(), upload()]' }

/** Waits until this attempt runs ffmpeg, and returns the process id. */
async function findFfmpegOf(bench: Bench, attempt: number): Promise<number> {
  await until(`attempt ${attempt} runs ffmpeg`, async () => {
    const { attempt: now, progress } = (await bench.document('origin_a.mp4')) ?? {}
    return now === attempt && progress?.plugin === 'slow-copy'
  })
  return waitForProcess('ffmpeg', bench.first.daemon.folder)
}

row('P8: a frozen ffmpeg counts as stalled, is killed, and the job is retried', async () => {
  await using bench = await startBench({ ...slow, more: 'ffmpeg: { stallSeconds: 5 }' })
  await bench.upload('origin_a.mp4', await tinyVideo())
  const frozen = await findFfmpegOf(bench, 1)
  process.kill(frozen, 'SIGSTOP')
  await bench.openGate()
  await until('the process has ended', () => !isAlive(frozen))
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const document = await bench.document('origin_a.mp4')
  // on a busy machine, a later attempt can be stalled too
  assert.equal([...new Set(document?.history.map(({ error }) => error.code))], ['transient.stalled'])
})

rest(
  'P9: a job whose ffmpeg dies by a signal in every attempt is dead-lettered, and its errors name the signals',
  async () => {
    await using bench = await startBench(slow)
    await bench.upload('origin_a.mp4', await tinyVideo())
    const signals = ['SIGSEGV', 'SIGKILL', 'SIGBUS'] as const
    for (const [n, signal] of signals.entries()) {
      const ffmpeg = await findFfmpegOf(bench, n + 1)
      process.kill(ffmpeg, signal)
      await until('the process has ended', () => !isAlive(ffmpeg))
    }
    await bench.waitUntilIdle()
    await bench.checkInvariants({ dead: ['origin_a.mp4'] })
    const document = await bench.document('origin_a.mp4')
    assert.is(document?.history.length, 3)
    for (const [n, { error }] of document?.history.entries() ?? []) {
      assert.is(error.code, 'internal.ffmpeg_signal')
      assert.match(error.message, signals[n] ?? '')
    }
  },
)

row('P19: killed launchers, one of them with a running ffmpeg: no attempt is used', async () => {
  await using bench = await startBench({ ...slow, daemons: 0 })
  const { daemon } = await bench.start(shortenReleaseDelay)
  const idle = await readChildren(daemon.pid) // of the trial run at start
  assert.ok(idle.length > 0)
  for (const id of idle) process.kill(id, 'SIGKILL')
  await bench.upload('origin_a.mp4', await tinyVideo())
  const ffmpeg = await findFfmpegOf(bench, 1)
  const status = await readFile(`/proc/${ffmpeg}/status`, 'utf8')
  process.kill(Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), 'SIGKILL')
  await until('ffmpeg has ended', () => !isAlive(ffmpeg))
  await daemon.waitFor((entry) => readErrorCode(entry) === 'daemon.launcher')
  await bench.openGate()
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const { attempt, history } = (await bench.document('origin_a.mp4')) ?? {}
  assert.equal([attempt, history], [1, []])
})

row(
  'Q20: an ffmpeg that always fails: all attempts, with backoff, then one dead-letter message with its stderr',
  async () => {
    await using folder = await temporaryFolder()
    const path = await writeFfmpegWrapper(folder.path, "echo 'final error' >&2; exit 1")
    await using bench = await startBench({ ...slow, more: `ffmpeg: { path: '${path}' }` })
    await bench.upload('origin_a.mp4', await tinyVideo())
    await bench.waitUntilIdle()
    await bench.checkInvariants({ dead: ['origin_a.mp4'] })
    const { attempt, error, history = [] } = (await bench.document('origin_a.mp4')) ?? {}
    assert.equal([attempt, history.length, error?.code], [3, 3, 'internal.ffmpeg'])
    assert.ok(error?.stderr?.includes('final error'))
    const pauses = bench.first.daemon.entries.flatMap(({ retryInSeconds }) => retryInSeconds ?? [])
    assert.equal([pauses.length, pauses.every((seconds) => Number(seconds) >= 1)], [2, true])
  },
)

rest('P15: an ffmpeg that floods stderr neither hangs the daemon nor fills its memory or its log', async () => {
  await using folder = await temporaryFolder()
  const path = await writeFfmpegWrapper(folder.path, flood)
  await using bench = await startBench({ ...slow, more: `ffmpeg: { path: '${path}' }` })
  await bench.openGate()
  const { daemon } = bench.first
  const before = await readPeakMemoryMiB(daemon.pid)
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.waitUntilIdle()
  await bench.checkInvariants()
  const grown = (await readPeakMemoryMiB(daemon.pid)) - before
  assert.ok(grown < 200, `300 MB of stderr took ${grown} MiB of memory`)
  assert.ok(daemon.entries.reduce((sum, { text }) => sum + text.length, 0) < 1_000_000, 'the log contains the flood')
})

async function readChildren(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

/** Writes 150 MB without a line end, then 150 MB of lines. */
const flood = `head -c 150000000 /dev/zero | tr '\\0' 'x' >&2; yes 'a line of the flood' | head -c 150000000 >&2`

/** Writes a program that runs `before` and then ffmpeg. For the checks at start it runs ffmpeg only. */
async function writeFfmpegWrapper(folder: string, before: string): Promise<string> {
  const path = join(folder, 'ffmpeg')
  await writeFile(path, `#!/bin/sh\ncase " $* " in *" -progress "*)\n${before}\nesac\nexec ffmpeg "$@"\n`)
  await chmod(path, 0o755)
  return path
}

async function readPeakMemoryMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

rest('P17: a daemon out of file descriptors loses nothing, and continues once it has some again', async () => {
  await using bench = await startBench({
    code: noteCode,
    chain: '[note(), upload()]',
    more: toJobConfig({ leaseSeconds: 6, attempts: 20 }),
  })
  const { daemon } = bench.first
  await bench.upload('origin_a.mp4', await tinyVideo())
  await bench.waitUntilIdle()
  const lines = daemon.entries.length
  limitFiles(daemon.pid, 3) // below every descriptor that it can open, whatever is free
  await Promise.all(['b', 'c', 'd'].map(async (name) => bench.upload(`origin_${name}.mp4`, await tinyVideo())))
  await until('the daemon logs a warning', () => daemon.entries.slice(lines).some(({ level }) => level === 'warn'))
  assert.ok(isAlive(daemon.pid))
  limitFiles(daemon.pid, 1024)
  await bench.waitUntilIdle()
  await bench.checkInvariants()
})

function limitFiles(pid: number, count: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`])
}
