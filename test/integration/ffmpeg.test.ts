import { spawn } from 'node:child_process'
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { runInParallel } from '../helpers/parallel.ts'
import { probeFile } from '../helpers/media.ts'
import { waitForProcess, isAlive } from '../helpers/liveness.ts'
import { setUpRuns } from '../helpers/ffmpeg-runs.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const ffmpegSuite = suite('ffmpeg')
const test = runInParallel(ffmpegSuite)
const withSetup = setUpRuns(ffmpegSuite)

function throwError(): never {
  throw new Error('listener')
}

const realTime = { inputOptions: ['-re'] }

test('runs a command and reports its progress', () =>
  withSetup(async ({ run, output }) => {
    const fractions: number[] = []
    const encode = [{ path: output, options: ['-c:v', 'libx264', '-preset', 'veryslow', '-an'] }]
    const slow = { inputOptions: ['-readrate', '30'], outputs: encode }
    const result = await run({ ...slow, durationSeconds: 120, onProgress: (fraction) => fractions.push(fraction) })
    const { outSeconds } = result
    assert.ok(outSeconds !== null && outSeconds > 118 && outSeconds < 120.5, `outSeconds ${outSeconds}`)
    assert.ok(result.seconds > 0)
    assert.ok(fractions.length > 1, 'reports more than the end')
    assert.equal(
      fractions,
      fractions.toSorted((a, b) => a - b),
    )
    assert.is(fractions.at(-1), 1)
    assert.ok(fractions.slice(0, -1).every((fraction) => fraction > 0 && fraction < 1))
    assert.is((await probeFile(output)).streams.length, 1)
  }))

test('hardens the command line, and does not split options', () =>
  withSetup(async ({ folder, source, output, run }) => {
    await run({
      outputs: [
        { path: output, options: ['-one option'] },
        { path: `${output}.2`, options: [] },
      ],
    })
    const line = await readFile(join(folder, 'arguments'), 'utf8')
    assert.match(
      line,
      new RegExp(
        `<-nostdin>.*<-protocol_whitelist><file><-format_whitelist><[^>]*matroska[^>]*>.*<-i><file:${source}>`,
      ),
    )
    for (const format of ['hls', 'concat', 'dash', 'sdp', 'image2', 'svg_pipe'])
      assert.not.match(line, new RegExp(`[<,]${format}[,>]`))
    assert.match(line, `<-one option><-y><file:${output}><-y><-y><file:${output}.2>`)
  }, 'printf "<%s>" "$@" > "$(dirname "$last")/arguments"; echo x > "$last"; echo x > "${last%.2}"'))

test.exhaustive('accepts paths with spaces, quotes, dashes and patterns', () =>
  withSetup(async ({ folder, source, run }) => {
    const odd = join(folder, `-y 'a" $(b) %d é;`)
    await mkdir(odd)
    const input = join(odd, '-i source: 1')
    await writeFile(input, await readFile(source))
    const path = join(odd, '-out %03d.mp4')
    await run({ input, outputs: [{ path, options: ['-c', 'copy'] }] })
    assert.ok((await stat(path)).size > 1000)
  }),
)

test('an abort ends ffmpeg, and the run rejects with its reason', () =>
  withSetup(async ({ folder, failure }) => {
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
  withSetup(async ({ folder, failure }) => {
    const controller = new AbortController()
    const running = failure({}, { signal: controller.signal })
    await until('the program ignores SIGTERM', () => stat(join(folder, 'ready')).catch(() => null))
    controller.abort(new Error('stop'))
    assert.is((await running).message, 'stop')
  }, `trap '' TERM; touch "$(dirname "$last")/ready"; while :; do sleep 0.1; done`))

test('a lost lease kills ffmpeg without SIGTERM: finishing a file can take longer than the margin of the lease', () =>
  withSetup(async ({ folder, failure }) => {
    const controller = new AbortController()
    const running = failure({}, { signal: controller.signal })
    await until('the program runs', () => stat(join(folder, 'ready')).catch(() => null))
    controller.abort(new MediadError('lease.lost', 'the lease is lost'))
    assert.is((await running).code, 'lease.lost')
    assert.not.ok((await readdir(folder)).includes('terminated'), 'SIGTERM was sent')
  }, 'cd "$(dirname "$last")"; trap "touch terminated" TERM; touch ready; while :; do sleep 0.05; done'))

test('reports a frozen ffmpeg as stalled', () =>
  withSetup(async ({ folder, failure }) => {
    const running = failure(realTime, { stallSeconds: 2 })
    const id = await waitForProcess('ffmpeg', folder)
    process.kill(id, 'SIGSTOP')
    assert.is((await running).code, 'transient.stalled')
    assert.not(isAlive(id))
  }))

test.exhaustive('does not report an encoder as stalled that uses CPU time without output', () =>
  withSetup(async ({ folder, run }) => {
    const stallSeconds = 2
    const running = run({}, { stallSeconds })
    await until('the program runs', () => stat(join(folder, 'ready')).catch(() => null))
    const startedAt = performance.now()
    await until('it has used CPU time for long', () => performance.now() - startedAt > 2 * stallSeconds * 1000)
    await writeFile(join(folder, 'enough'), '') // ten times the stall time would be reported
    await running
  }, 'cd "$(dirname "$last")"; touch ready; until [ -e enough ]; do :; done; echo x > "$last"'),
)

test.exhaustive('reports an encoder as stalled that uses CPU time without output for too long', () =>
  withSetup(async ({ failure }) => {
    assert.is((await failure({}, { stallSeconds: 0.3 })).code, 'transient.stalled')
  }, 'while :; do :; done'),
)

for (const signal of ['SIGSEGV', 'SIGKILL', 'SIGTERM'] as const) {
  test(`reports an ffmpeg that is ended by ${signal} from outside`, () =>
    withSetup(async ({ folder, failure }) => {
      const fractions: number[] = []
      const running = failure({ ...realTime, durationSeconds: 120, onProgress: (one) => void fractions.push(one) })
      const id = await waitForProcess('ffmpeg', folder)
      await until('ffmpeg has written packets', () => fractions.some((fraction) => fraction > 0))
      process.kill(id, signal)
      const error = await running
      assert.is(error.code, 'internal.ffmpeg_signal', [error.message, ...error.stderr].join('\n'))
      assert.match(error.message, signal === 'SIGTERM' ? 'a process other than mediad' : signal)
    }))
}

test('ffmpeg ends when its daemon is killed', () =>
  withSetup(async ({ folder, source }) => {
    const script = join(import.meta.dirname, '../helpers/abandoned-ffmpeg.ts')
    const parent = spawn(process.execPath, ['--conditions=source', script, source, folder], { stdio: 'ignore' })
    const id = await waitForProcess('ffmpeg', join(folder, 'out.mp4'))
    parent.kill('SIGKILL')
    await until('ffmpeg has ended', () => !isAlive(id))
    await rm(folder, { recursive: true })
    await mkdir(folder)
  }))

test.exhaustive('drains a flood on stderr, with and without line ends, and keeps the last lines', () =>
  withSetup(async ({ failure }) => {
    const { code, stderr } = await failure()
    assert.is(code, 'internal.ffmpeg')
    assert.ok(stderr.length <= 20 && stderr.every((line) => line.length <= 500))
    assert.is(stderr.at(-1), 'the end')
  }, `yes 'the same error' | head -c 50000000 >&2; head -c 50000000 /dev/zero | tr '\\0' x >&2; printf '\\nthe end' >&2; exit 7`),
)

test('does not wait for a grandchild that keeps stderr open', () =>
  withSetup(async ({ folder, failure }) => {
    assert.is((await failure()).code, 'internal.ffmpeg')
    process.kill(Number(await readFile(join(folder, 'grandchild'), 'utf8')), 'SIGKILL')
  }, `tail -f /dev/null & echo $! > "$(dirname "$last")/grandchild"; exit 1`))

test('fails if ffmpeg reports success without an output, or with an empty one', () =>
  withSetup(async ({ output, failure }) => {
    assert.is((await failure()).code, 'internal.output')
    await writeFile(output, '')
    assert.is((await failure()).code, 'internal.output')
  }, 'exit 0'))

test('reports a full disk', () =>
  withSetup(async ({ failure }) => {
    const error = await failure({ outputs: [{ path: '/dev/full', options: ['-f', 'mpegts'] }] })
    assert.is(error.code, 'resource.disk')
    assert.ok(error.stderr.length > 0)
  }))

test('reports a missing encoder, and removes paths from stderr', () =>
  withSetup(async ({ folder, output, failure }) => {
    const error = await failure({ outputs: [{ path: output, options: ['-c:v', 'libx266'] }] })
    assert.is(error.code, 'config.ffmpeg')
    const other = await failure({
      outputs: [{ path: join(folder, 'no-such-folder', 'x.mp4'), options: ['-c', 'copy'] }],
    })
    assert.is(other.code, 'internal.ffmpeg')
    assert.not.match(other.stderr.join('\n'), folder)
  }))

test('a program that cannot be started fails only its run', () =>
  withSetup(async ({ programs, failure }) => {
    const long = await failure({ inputOptions: ['-metadata', 'x'.repeat(4_000_000)] })
    assert.is(long.code, 'internal.ffmpeg')
    programs.close()
    await rm(dirname(programs.ffmpeg), { recursive: true })
    const error = await failure()
    assert.is(error.code, 'internal.ffmpeg')
    assert.match(error.message, 'could not be started')
  }, 'exit 0'))

test('a listener that throws fails the run', () =>
  withSetup(async ({ folder, failure }) => {
    assert.is((await failure({ ...realTime, durationSeconds: 120, onProgress: throwError })).message, 'listener')
    assert.equal((await readdir(folder)).toSorted(), ['out.mp4', 'source'])
  }))
