import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createFfmpeg } from '../../daemon/ffmpeg/ffmpeg.ts'
import type { FfmpegCommand, FfmpegResult } from '../../daemon/vocabulary/ffmpeg.ts'
import { openPrograms, type Programs } from '../../daemon/programs/programs.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { createTestLog } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo, probeFile } from '../helpers/media.ts'
import { waitForProcess, isAlive } from '../helpers/liveness.ts'
import { limits } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = runInParallel(suite('ffmpeg'))

type Bench = {
  folder: string
  programs: Programs
  source: string
  output: string
  run(
    command?: Partial<FfmpegCommand>,
    options?: { signal?: AbortSignal; stallSeconds?: number },
  ): Promise<FfmpegResult>
  failure(
    command?: Partial<FfmpegCommand>,
    options?: { signal?: AbortSignal; stallSeconds?: number },
  ): Promise<MediadError>
}

let film: Promise<Buffer> | undefined

/** The bytes of a film of two minutes in a few kilobytes: in real time, nobody waits for its end. Made once. */
function longFilm(): Promise<Buffer> {
  return (film ??= makeFilm())
}

async function makeFilm(): Promise<Buffer> {
  await using temporary = await temporaryFolder()
  const path = join(temporary.path, 'made.mp4')
  await makeVideo(path, { seconds: 120, width: 64, height: 64, fps: 5 })
  return await readFile(path)
}

/** A folder with a long film in it; `fake` is the body of a script to run in ffmpeg's place. */
async function withBench(body: (bench: Bench) => Promise<void>, fake?: string): Promise<void> {
  await using temporary = await temporaryFolder()
  const folder = temporary.path
  const directory = join(folder, 'programs')
  await mkdir(directory)
  const ffmpegPath = fake === undefined ? 'ffmpeg' : await writeFake(join(folder, 'fake'), fake)
  const programs = await openPrograms({ ffmpegPath, ffprobePath: 'ffprobe', directory })
  const source = join(folder, 'source')
  const output = join(folder, 'out.mp4')
  await writeFile(source, fake === undefined ? await longFilm() : 'source')
  const run: Bench['run'] = (command = {}, options = {}) =>
    createFfmpeg({ programs, stallSeconds: options.stallSeconds ?? 30, limits }).run({
      command: { outputs: [{ path: output, options: ['-c', 'copy'] }], ...command },
      input: source,
      workspace: folder,
      signal: options.signal ?? new AbortController().signal,
      log: createTestLog(),
    })
  const failure: Bench['failure'] = (command, options) =>
    run(command, options).then(
      () => assert.unreachable('it did not fail') as never,
      (error: unknown) => error as MediadError,
    )
  await body({ folder, programs, source, output, run, failure })
  const left = (await readdir(folder)).filter((name) => name.startsWith('.'))
  assert.equal(left, [], 'the progress file is gone')
}

/** `$last` is the output. When it is asked what it can do it can do nothing: the body is not run for that. */
async function writeFake(path: string, body: string): Promise<string> {
  const script = `[ "$1" = -version ] && { echo "ffmpeg version 9.9"; exit; }
for last; do :; done
last="\${last#file:}"
case "$last" in /*) ;; *) exit ;; esac
`
  await writeFile(path, `#!/bin/sh\n${script}${body}\n`)
  await chmod(path, 0o755)
  return path
}

function complain(): never {
  throw new Error('listener')
}

const realTime = { inputOptions: ['-re'] }

test('runs a command and tells its progress', () =>
  withBench(async ({ run, output }) => {
    const fractions: number[] = []
    const encode = [{ path: output, options: ['-c:v', 'libx264', '-preset', 'veryslow', '-an'] }]
    const slow = { inputOptions: ['-readrate', '30'], outputs: encode }
    const result = await run({ ...slow, durationSeconds: 120, onProgress: (fraction) => fractions.push(fraction) })
    const { outSeconds } = result
    assert.ok(outSeconds !== null && outSeconds > 118 && outSeconds < 120.5, `outSeconds ${outSeconds}`)
    assert.ok(result.seconds > 0)
    assert.ok(fractions.length > 1, 'more than the end was told')
    assert.equal(
      fractions,
      fractions.toSorted((a, b) => a - b),
    )
    assert.is(fractions.at(-1), 1)
    assert.ok(fractions.slice(0, -1).every((fraction) => fraction > 0 && fraction < 1))
    assert.is((await probeFile(output)).streams.length, 1)
  }))

test('hardens the command line, and splits no option', () =>
  withBench(async ({ folder, source, output, run }) => {
    await run({
      outputs: [
        { path: output, options: ['-one option'] },
        { path: `${output}.2`, options: [] },
      ],
    })
    const line = await readFile(join(folder, 'seen'), 'utf8')
    assert.match(
      line,
      new RegExp(
        `<-nostdin>.*<-protocol_whitelist><file><-format_whitelist><[^>]*matroska[^>]*>.*<-i><file:${source}>`,
      ),
    )
    for (const format of ['hls', 'concat', 'dash', 'sdp', 'image2', 'svg_pipe'])
      assert.not.match(line, new RegExp(`[<,]${format}[,>]`))
    assert.match(line, `<-one option><-y><file:${output}><-y><-y><file:${output}.2>`)
  }, 'printf "<%s>" "$@" > "$(dirname "$last")/seen"; echo x > "$last"; echo x > "${last%.2}"'))

test('paths with spaces, quotes, dashes and patterns', () =>
  withBench(async ({ folder, source, run }) => {
    const odd = join(folder, `-y 'a" $(b) %d é;`)
    await mkdir(odd)
    const input = join(odd, '-i source: 1')
    await writeFile(input, await readFile(source))
    const path = join(odd, '-out %03d.mp4')
    await run({ input, outputs: [{ path, options: ['-c', 'copy'] }] })
    assert.ok((await stat(path)).size > 1000)
  }))

test('an abort ends ffmpeg and rejects with its reason', () =>
  withBench(async ({ folder, failure }) => {
    const controller = new AbortController()
    const running = failure(realTime, { signal: controller.signal })
    const id = await waitForProcess('ffmpeg', folder)
    controller.abort(new Error('the lease is lost'))
    assert.is((await running).message, 'the lease is lost')
    assert.not(isAlive(id))
    const early = await failure(realTime, { signal: controller.signal })
    assert.is(early.message, 'the lease is lost')
  }))

test('an abort ends a program that ignores SIGTERM', () =>
  withBench(async ({ folder, failure }) => {
    const controller = new AbortController()
    const running = failure({}, { signal: controller.signal })
    await until('it ignores the signal', () => stat(join(folder, 'ready')).catch(() => null))
    controller.abort(new Error('stop'))
    assert.is((await running).message, 'stop')
  }, `trap '' TERM; touch "$(dirname "$last")/ready"; while :; do sleep 0.1; done`))

test('a job that is lost leaves ffmpeg no time to finish a file: the margin of a lease may be shorter', () =>
  withBench(async ({ folder, failure }) => {
    const controller = new AbortController()
    const running = failure({}, { signal: controller.signal })
    await until('it works', () => stat(join(folder, 'ready')).catch(() => null))
    controller.abort(new MediadError('lease.lost', 'the lease is lost'))
    assert.is((await running).code, 'lease.lost')
    assert.not.ok((await readdir(folder)).includes('asked'), 'it was asked politely')
  }, 'cd "$(dirname "$last")"; trap "touch asked" TERM; touch ready; while :; do sleep 0.05; done'))

test('a frozen ffmpeg is a stall', () =>
  withBench(async ({ folder, failure }) => {
    const running = failure(realTime, { stallSeconds: 2 })
    const id = await waitForProcess('ffmpeg', folder)
    process.kill(id, 'SIGSTOP')
    assert.is((await running).code, 'transient.stalled')
    assert.not(isAlive(id))
  }))

test('an encoder that computes for longer than a stall takes, without a word, is none', () =>
  withBench(async ({ folder, run }) => {
    const stallSeconds = 2
    const running = run({}, { stallSeconds })
    await until('it works', () => stat(join(folder, 'ready')).catch(() => null))
    const startedAt = performance.now()
    await until('it has computed for long', () => performance.now() - startedAt > 2 * stallSeconds * 1000)
    await writeFile(join(folder, 'enough'), '') // ten times as long would be a stall
    await running
  }, 'cd "$(dirname "$last")"; touch ready; until [ -e enough ]; do :; done; echo x > "$last"'))

test.exhaustive('one that computes for ever is', () =>
  withBench(async ({ failure }) => {
    assert.is((await failure({}, { stallSeconds: 0.3 })).code, 'transient.stalled')
  }, 'while :; do :; done'),
)

for (const signal of ['SIGSEGV', 'SIGKILL', 'SIGTERM'] as const) {
  test(`ffmpeg ended by ${signal} from outside`, () =>
    withBench(async ({ folder, output, failure }) => {
      const running = failure(realTime)
      const id = await waitForProcess('ffmpeg', folder)
      await until('it writes', () => stat(output).catch(() => null)) // and so has its signal handlers
      process.kill(id, signal)
      const error = await running
      assert.is(error.code, 'internal.ffmpeg_signal')
      assert.match(error.message, signal === 'SIGTERM' ? 'from outside' : signal)
    }))
}

test('a daemon that is killed takes its ffmpeg along', () =>
  withBench(async ({ folder, source }) => {
    const script = join(import.meta.dirname, '../helpers/abandoned-ffmpeg.ts')
    const parent = spawn(process.execPath, ['--conditions=source', script, source, folder], { stdio: 'ignore' })
    const id = await waitForProcess('ffmpeg', join(folder, 'out.mp4'))
    parent.kill('SIGKILL')
    await until('ffmpeg is gone', () => !isAlive(id))
    await rm(folder, { recursive: true })
    await mkdir(folder)
  }))

test('a flood on stderr, with and without line ends, is drained and forgotten', () =>
  withBench(async ({ failure }) => {
    const { code, stderr } = await failure()
    assert.is(code, 'internal.ffmpeg')
    assert.ok(stderr.length <= 20 && stderr.every((line) => line.length <= 500))
    assert.is(stderr.at(-1), 'the end')
  }, `yes 'the same complaint' | head -c 50000000 >&2; head -c 50000000 /dev/zero | tr '\\0' x >&2; printf '\\nthe end' >&2; exit 7`))

test('a grandchild that keeps stderr open is not waited for', () =>
  withBench(async ({ folder, failure }) => {
    assert.is((await failure()).code, 'internal.ffmpeg')
    process.kill(Number(await readFile(join(folder, 'grandchild'), 'utf8')), 'SIGKILL')
  }, `tail -f /dev/null & echo $! > "$(dirname "$last")/grandchild"; exit 1`))

test('success without an output, or with an empty one, is none', () =>
  withBench(async ({ output, failure }) => {
    assert.is((await failure()).code, 'internal.output')
    await writeFile(output, '')
    assert.is((await failure()).code, 'internal.output')
  }, 'exit 0'))

test('a full disk', () =>
  withBench(async ({ failure }) => {
    const error = await failure({ outputs: [{ path: '/dev/full', options: ['-f', 'mpegts'] }] })
    assert.is(error.code, 'resource.disk')
    assert.ok(error.stderr.length > 0)
  }))

test('an encoder that is not there, and paths kept out of what is reported', () =>
  withBench(async ({ folder, output, failure }) => {
    const error = await failure({ outputs: [{ path: output, options: ['-c:v', 'libx266'] }] })
    assert.is(error.code, 'config.ffmpeg')
    const other = await failure({
      outputs: [{ path: join(folder, 'no-such-folder', 'x.mp4'), options: ['-c', 'copy'] }],
    })
    assert.is(other.code, 'internal.ffmpeg')
    assert.not.match(other.stderr.join('\n'), folder)
  }))

test('a program that cannot be started fails the run, not the daemon', () =>
  withBench(async ({ programs, failure }) => {
    await rm(programs.ffmpeg)
    const error = await failure()
    assert.is(error.code, 'internal.ffmpeg')
    assert.match(error.message, 'could not be started')
    const long = await failure({ inputOptions: ['-metadata', 'x'.repeat(4_000_000)] })
    assert.is(long.code, 'internal.ffmpeg')
  }))

test('a listener that throws ends the run', () =>
  withBench(async ({ folder, failure }) => {
    assert.is((await failure({ ...realTime, durationSeconds: 120, onProgress: complain })).message, 'listener')
    assert.equal((await readdir(folder)).toSorted(), ['out.mp4', 'programs', 'source'])
  }))
