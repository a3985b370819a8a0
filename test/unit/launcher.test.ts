import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createLaunchers } from '../../daemon/programs/launcher/launchers.ts'
import { splitAtMark } from '../../daemon/programs/launcher/process.ts'
import type { Exit, Running, Start } from '../../daemon/programs/start.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { isAlive } from '../helpers/liveness.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/wait.ts'

const test = suite('launcher')

type Ran = { exit: Exit; stdout: string; stderr: string }
type Bench = {
  folder: string
  start: Start
  /** Starts a shell script, which gets `args`. */
  begin(script: string, args?: readonly string[]): Promise<Running & { ended: Promise<Ran> }>
  run(script: string, args?: readonly string[]): Promise<Ran>
}

/** Calls `body` with launchers that start /bin/sh; its wrapper is that of the launchers, too. */
async function withLaunchers(body: (bench: Bench) => Promise<void>): Promise<void> {
  await using temporary = await temporaryFolder()
  const folder = temporary.path
  const wrapper = join(folder, 'sh')
  await writeFile(wrapper, '#!/bin/sh\nexec env -i PATH="$PATH" /bin/sh "$@"\n')
  await chmod(wrapper, 0o700)
  const programs = new Map([[wrapper, '/bin/sh']])
  const { start, close } = createLaunchers({ wrapper, programs })
  const begin: Bench['begin'] = async (script, args = []) => {
    const printed = { stdout: '', stderr: '' }
    const running = start({
      program: wrapper,
      args: ['-c', script, 'sh', ...args],
      env: {},
      folder,
      onStdout: (chunk) => void (printed.stdout += chunk.toString('latin1')),
      onStderr: (chunk) => void (printed.stderr += chunk.toString('latin1')),
    })
    return { ...running, ended: running.exit.then((exit) => ({ exit, ...printed })) }
  }
  try {
    await body({ folder, start, begin, run: async (script, args) => (await begin(script, args)).ended })
  } finally {
    close()
  }
}

test('a program gets its arguments as they are, the working folder, an empty input and an empty environment', () =>
  withLaunchers(async ({ folder, run }) => {
    const controls = Array.from({ length: 255 }, (_, code) => String.fromCodePoint(code + 1)).join('')
    const args = [
      '',
      ' a  b ',
      `it's "quoted" $(touch x) \`touch x\` ; touch x\n# \\`,
      controls,
      '中😀é',
      '-n',
      '*',
      '~',
    ]
    const { exit, stdout } = await run('cat; pwd; env; for arg; do printf "<%s>" "$arg"; done', args)
    assert.equal(exit, { code: 0, signal: null, error: null })
    const expected = Buffer.from(args.map((arg) => `<${arg}>`).join('')).toString('latin1')
    assert.ok(stdout.endsWith(expected), stdout)
    const lines = stdout.slice(0, -expected.length).trim().split('\n')
    assert.is(lines.shift(), folder)
    assert.equal(lines.map((line) => line.split('=')[0]).toSorted(), ['PATH', 'PWD'])
  }))

test('outputs, exit codes and signals are those of the program, in one launcher after another', () =>
  withLaunchers(async ({ begin, run }) => {
    const first = await begin('echo $PPID; echo one; echo two >&2; exit 183')
    const { exit, stdout, stderr } = await first.ended
    assert.equal([exit.code, stdout.split('\n')[1], stderr], [183, 'one', 'two\n'])
    const killed = await run('echo $PPID; kill -SEGV $$')
    assert.equal(killed.exit, { code: null, signal: 'SIGSEGV', error: null })
    assert.is(killed.stdout.trim(), stdout.split('\n')[0], 'the same shell started both')
    assert.is(killed.stderr, '')
  }))

test('a large output arrives completely and in order', () =>
  withLaunchers(async ({ run }) => {
    const { stdout, stderr } = await run('seq 200000; seq 200000 >&2')
    assert.is(stdout, stderr)
    assert.equal([stdout.split('\n').length, stdout.slice(-7)], [200_001, '200000\n'])
  }))

test('programs run at the same time in launchers of their own, each in a process group of its own', () =>
  withLaunchers(async ({ begin }) => {
    const [one, two] = [
      await begin('echo $PPID; exec tail -f /dev/null'),
      await begin('echo $PPID; exec cat /dev/null'),
    ]
    const second = await two.ended
    assert.is(second.exit.code, 0)
    await until('the process id is known', () => one.processId())
    const group = (await readFile(`/proc/${one.processId()}/stat`, 'utf8')).split(' ')[4]
    assert.is(Number(group), one.processId())
    one.signal('SIGTERM')
    const first = await one.ended
    assert.is(first.exit.signal, 'SIGTERM')
    assert.is.not(first.stdout, second.stdout)
  }))

test('a signal before the program is started prevents it', () =>
  withLaunchers(async ({ folder, begin, run }) => {
    const running = await begin('touch started')
    running.signal('SIGTERM')
    assert.is((await running.ended).exit.signal, 'SIGKILL')
    assert.is((await run('[ -e started ] || echo none')).stdout, 'none\n', folder)
  }))

test('a launcher whose program left a descendant is not used again', () =>
  withLaunchers(async ({ run }) => {
    const first = await run('echo $PPID; tail -f /dev/null >&2 & echo $!; exit 3')
    assert.is(first.exit.code, 3)
    const [launcher, left] = first.stdout.trim().split('\n')
    assert.is.not((await run('echo $PPID')).stdout.trim(), launcher)
    process.kill(Number(left), 'SIGKILL')
  }))

test('a launcher that died is replaced', () =>
  withLaunchers(async ({ run }) => {
    const launcher = Number((await run('echo $PPID')).stdout)
    process.kill(launcher, 'SIGKILL') // its end is not reported before the next start
    const next = await run('echo $PPID')
    assert.is(next.exit.code, 0)
    assert.is.not(Number(next.stdout), launcher)
  }))

test('the death of a launcher ends its program, and is not an error of the program', () =>
  withLaunchers(async ({ begin }) => {
    const running = await begin('echo $PPID; exec tail -f /dev/null')
    const id = await until('the process id is known', () => running.processId())
    const status = await readFile(`/proc/${id}/status`, 'utf8')
    process.kill(Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), 'SIGKILL')
    const { error } = (await running.ended).exit
    assert.instance(error, MediadError)
    assert.equal([(error as MediadError).code, (error as MediadError).verdict], ['daemon.launcher', 'release'])
    await until('the program has ended', () => !isAlive(id))
  }))

test('a program that a launcher cannot start is started directly, and the error is that of the direct start', () =>
  withLaunchers(async ({ folder, start, run }) => {
    const request = { program: join(folder, 'sh'), env: {}, onStderr: () => undefined }
    const long = await start({ ...request, args: ['x'.repeat(200_000)], folder }).exit
    assert.match(long.error?.message ?? '', 'E2BIG')
    const nowhere = await start({ ...request, args: [], folder: join(folder, 'nothing') }).exit
    assert.match(nowhere.error?.message ?? '', 'ENOENT')
    const zero = await start({ ...request, args: ['\0'], folder }).exit
    assert.match(zero.error?.message ?? '', 'null bytes')
    assert.is((await run('exit 4')).exit.code, 4)
  }))

test('the output ends at the mark, wherever the chunks are divided', () => {
  const [mark, text] = [Buffer.from('\0mark'), 'a\0mar b\0\0mark']
  for (let size = 1; size <= text.length; size++) {
    let [data, marks] = ['', 0]
    const read = splitAtMark(
      mark,
      (chunk) => (data += chunk.toString()),
      () => marks++,
    )
    for (let at = 0; at < text.length; at += size) read(Buffer.from(text.slice(at, at + size)))
    assert.equal([data, marks], ['a\0mar b\0', 1])
  }
})
