import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { transcode } from '../../plugins/index.ts'
import { openCanaryCage } from '../helpers/canary.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { openFileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { makeBaitedFilms, toPointers } from './synthetic/bait.ts'

const run = promisify(execFile)

const works = (program: string, ...args: string[]) =>
  run(program, args).then(
    () => true,
    () => false,
  )
const [namespaces, tracing, wrapping] = await Promise.all([
  works('unshare', '-rn', 'true'),
  works('strace', '-f', '-o', '/dev/null', 'true'),
  works('bwrap', '--ro-bind', '/', '/', '--unshare-all', 'true'),
])

/** The recipe of docs/media.md, read from there: the words of its `command`. */
const guide = await readFile(join(import.meta.dirname, '../../docs/media.md'), 'utf8')
const recipe = /command: \[\n([^]*?)\n {4}\],/.exec(guide)?.[1] ?? ''
const bubblewrap = Array.from(recipe.matchAll(/'([^']*)'/g), ([, word]) => word ?? '')

// after the waiting: a suite runs as soon as it can
const test = suite('jails')

/** Every pointer, every baited film and an ordinary one, in a folder of their own. */
async function makeFiles(folder: string, canary: { file: string; url: string }): Promise<string[]> {
  await mkdir(folder)
  const pointers = Object.entries(toPointers(canary)).map(async ([name, text]) => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  })
  const plain = join(folder, 'ordinary.mp4')
  await makeVideo(plain)
  return [...(await Promise.all(pointers)), ...(await makeBaitedFilms(folder, canary)), plain]
}

if (!namespaces) test.skip('an empty network namespace', '`unshare -rn` does not work here')
else
  test.exhaustive('in an empty network namespace everything is as it is outside', async () => {
    await using temporary = await temporaryFolder()
    const files = await makeFiles(join(temporary.path, 'files'), {
      file: join(temporary.path, 'canary.mp4'),
      url: 'http://127.0.0.1:9',
    })
    const script = [process.execPath, '--conditions=source', join(import.meta.dirname, 'jailed.ts'), ...files]
    const { stdout } = await run('unshare', ['-rn', ...script], { env: { ...process.env, NODE_V8_COVERAGE: '' } })
    const outcomes = JSON.parse(stdout) as Record<string, string>
    const accepted = Object.keys(outcomes).filter((name) => outcomes[name] === 'accepted')
    assert.equal(accepted.toSorted(), ['cover-by-url.mp3', 'external-url.mov', 'ordinary.mp4', 'reference-movie.mov'])
    assert.is(Object.keys(outcomes).length, files.length)
  })

/** What any program may read on its way up: libraries, their list, locales, facts about the machine, the clock. */
const harmless =
  /^\/(?:usr|lib|lib64|bin|etc\/(?:ld\.so|alternatives|localtime|nsswitch|gcrypt|OpenCL|gnutls|ssl|pulse|fonts)|proc\/(?:self|thread-self|cpuinfo|meminfo|filesystems|sys|\d+|stat)|sys\/devices|dev\/(?:null|urandom|random|shm|tty|dri))/

if (!tracing) test.skip('what is opened', 'there is no strace here, or it may not trace')
else
  test.exhaustive(
    'ffmpeg and ffprobe open their input, the workspace and the system’s own files, and no socket',
    async () => {
      await using temporary = await temporaryFolder()
      const trace = join(temporary.path, 'trace')
      const tracer = ['strace', '-f', '-qq', '-A', '-y', '-e', 'trace=open,openat,openat2,socket,connect', '-o', trace]
      await using bench = await openFileBench({ command: tracer })
      await using cage = await openCanaryCage(temporary.path)
      const files = await makeFiles(join(temporary.path, 'files'), cage)
      for (const path of files) await bench.run(path, [transcode({ preset: 'ultrafast' })])
      const calls = (await readFile(trace, 'utf8')).split('\n')
      const opened = calls.flatMap((line) => /\bopen(?:at2?)?\((?:[^"]*, )?"([^"]*)"/.exec(line)?.[1] ?? [])
      const inside = await realpath(bench.folder)
      assert.ok(opened.filter((path) => path.startsWith(inside)).length > files.length, 'the trace holds something')
      const strange = opened.filter((path) => !harmless.test(path) && !path.startsWith(inside))
      assert.equal([...new Set(strange)], [])
      assert.equal(
        calls.filter((line) => /\b(?:socket|connect)\(/.test(line)),
        [],
      )
      assert.is(cage.connections(), 0)
    },
  )

if (!wrapping) test.skip('bubblewrap', 'there is no bwrap here, or it may not make namespaces')
else {
  test('behind bubblewrap a film comes out as ever', async () => {
    await using bench = await openFileBench({ command: bubblewrap })
    const film = join(bench.folder, 'film.mp4')
    await makeVideo(film)
    const ran = await bench.run(film, [transcode({ preset: 'ultrafast', copy: 'never' })])
    assert.is(bubblewrap[0], 'bwrap')
    assert.ok(ran.ok, ran.ok ? '' : `${ran.code}: ${ran.message}\n${ran.stderr.join('\n')}`)
  })

  test('behind bubblewrap there is no other job, no password file and no network', async () => {
    await using temporary = await temporaryFolder()
    await using cage = await openCanaryCage(temporary.path)
    const other = join(temporary.path, 'other-job')
    const own = join(temporary.path, 'own-job')
    await Promise.all([mkdir(other), mkdir(own)])
    await cp(cage.file, join(other, 'source'))
    await cp(cage.file, join(own, 'source'))
    const places: Record<string, string> = { '{workspace}': own, '{input}': join(own, 'source') }
    const [program = '', ...options] = bubblewrap.map((word) => places[word] ?? word)
    const inside = (script: string) => works(program, ...options, 'sh', '-c', script)
    assert.ok(await inside(`test -s '${own}/source' && touch '${own}/result'`), 'its own job')
    assert.not(await inside(`test -e '${other}/source'`), 'another job')
    assert.not(await inside(`test -e '${cage.file}'`), 'the canary')
    assert.not(await inside('test -e /etc/passwd'), 'the password file')
    assert.not(await inside(`echo > '${own}/source'`), 'its own source is not to be written')
    const ask = ['-nostdin', '-v', 'quiet', '-f', 'mp3', '-i', `${cage.url}/x`, '-f', 'null', '-']
    await works(program, ...options, 'ffmpeg', ...ask)
    assert.is(cage.connections(), 0)
    await works('ffmpeg', ...ask)
    assert.ok(cage.connections() > 0, 'without it, the same command asks')
  })
}
