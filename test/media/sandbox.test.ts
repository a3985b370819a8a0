import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { transcode, upload } from '../../plugins/index.ts'
import { openCanaryCage } from '../helpers/canary.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo } from '../helpers/media.ts'
import { openFileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { makeReferencingVideos, toReferencingTexts } from './synthetic/external-references.ts'

const run = promisify(execFile)

const succeeds = (program: string, ...args: string[]) =>
  run(program, args).then(
    () => true,
    () => false,
  )
const [namespaces, tracing, wrapping] = await Promise.all([
  succeeds('unshare', '-rn', 'true'),
  succeeds('strace', '-f', '-o', '/dev/null', 'true'),
  succeeds('bwrap', '--ro-bind', '/', '/', '--unshare-all', 'true'),
])

/** The bubblewrap command of docs/media.md. */
const guide = await readFile(join(import.meta.dirname, '../../docs/media.md'), 'utf8')
const block = /command: \[\n([^]*?)\n {4}\],/.exec(guide)?.[1] ?? ''
const bubblewrap = Array.from(block.matchAll(/'([^']*)'/g), ([, word]) => word ?? '')

/** Folder of the installed ffmpeg with its libraries: `/usr`, or that of an unpacked version. */
const installation = dirname(dirname((await run('sh', ['-c', 'command -v ffmpeg'])).stdout.trim()))

// after the last `await`: a suite starts as soon as possible
const test = suite('sandbox')

/** Creates a folder with all files that have external references, and an ordinary video. */
async function makeFiles(folder: string, canary: { file: string; url: string }): Promise<string[]> {
  await mkdir(folder)
  const texts = Object.entries(toReferencingTexts(canary)).map(async ([name, text]) => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  })
  const plain = join(folder, 'ordinary.mp4')
  await makeVideo(plain)
  return [...(await Promise.all(texts)), ...(await makeReferencingVideos(folder, canary)), plain]
}

if (!namespaces) test.skip('an empty network namespace', '`unshare -rn` does not work on this machine')
else
  test.exhaustive('gives the same results in an empty network namespace', async () => {
    await using temporary = await temporaryFolder()
    const files = await makeFiles(join(temporary.path, 'files'), {
      file: join(temporary.path, 'canary.mp4'),
      url: 'http://127.0.0.1:9',
    })
    const script = [process.execPath, '--conditions=source', join(import.meta.dirname, 'sandboxed.ts'), ...files]
    const { stdout } = await run('unshare', ['-rn', ...script], { env: { ...process.env, NODE_V8_COVERAGE: '' } })
    const outcomes = JSON.parse(stdout) as Record<string, string>
    const accepted = Object.keys(outcomes).filter((name) => outcomes[name] === 'accepted')
    assert.equal(accepted.toSorted(), ['cover-url.mp3', 'external-url.mov', 'ordinary.mp4', 'reference-movie.mov'])
    assert.is(Object.keys(outcomes).length, files.length)
  })

/** Paths that any program reads when it starts: libraries, locales, facts about the machine, time zones. */
const harmless =
  /^\/(?:usr|lib|lib64|bin|etc\/(?:ld\.so|alternatives|localtime|nsswitch|gcrypt|OpenCL|gnutls|ssl|pulse|fonts)|proc\/(?:self|thread-self|cpuinfo|meminfo|filesystems|sys|\d+|stat)|sys\/devices|dev\/(?:null|urandom|random|shm|tty|dri))/

const isHarmless = (path: string) => harmless.test(path) || path.startsWith(`${installation}/`)

if (!tracing) test.skip('opened files', '`strace` is missing or has no permission to trace')
else
  test.exhaustive(
    'ffmpeg and ffprobe open only their input, the workspace and system files, and no socket',
    async () => {
      await using temporary = await temporaryFolder()
      const trace = join(temporary.path, 'trace')
      const tracer = ['strace', '-f', '-qq', '-A', '-y', '-e', 'trace=open,openat,openat2,socket,connect', '-o', trace]
      await using bench = await openFileBench({ command: tracer })
      await using canary = await openCanaryCage(temporary.path)
      const files = await makeFiles(join(temporary.path, 'files'), canary)
      for (const path of files) await bench.run(path, [transcode({ preset: 'ultrafast' }), upload()])
      const calls = (await readFile(trace, 'utf8')).split('\n')
      const opened = calls.flatMap((line) => /\bopen(?:at2?)?\((?:[^"]*, )?"([^"]*)"/.exec(line)?.[1] ?? [])
      const inside = await realpath(bench.folder)
      assert.ok(opened.filter((path) => path.startsWith(inside)).length > files.length, 'the trace has the input files')
      const unexpected = opened.filter((path) => !isHarmless(path) && !path.startsWith(inside))
      assert.equal([...new Set(unexpected)], [])
      assert.equal(
        calls.filter((line) => /\b(?:socket|connect)\(/.test(line)),
        [],
      )
      assert.is(canary.connections(), 0)
    },
  )

if (!wrapping) test.skip('bubblewrap', '`bwrap` is missing or has no permission to create namespaces')
else {
  test('transcodes a video in bubblewrap', async () => {
    await using bench = await openFileBench({ command: bubblewrap })
    const video = join(bench.folder, 'video.mp4')
    await makeVideo(video)
    const result = await bench.run(video, [transcode({ preset: 'ultrafast', copy: 'never' }), upload()])
    assert.is(bubblewrap[0], 'bwrap')
    assert.ok(result.ok, result.ok ? '' : `${result.code}: ${result.message}\n${result.stderr.join('\n')}`)
  })

  test('hides other jobs, the password file and the network in bubblewrap', async () => {
    await using temporary = await temporaryFolder()
    await using canary = await openCanaryCage(temporary.path)
    const other = join(temporary.path, 'other-job')
    const own = join(temporary.path, 'own-job')
    await Promise.all([mkdir(other), mkdir(own)])
    await cp(canary.file, join(other, 'source'))
    await cp(canary.file, join(own, 'source'))
    const places: Record<string, string> = { '{workspace}': own, '{input}': join(own, 'source') }
    const [program = '', ...options] = bubblewrap.map((word) => places[word] ?? word)
    const runInside = (script: string) => succeeds(program, ...options, 'sh', '-c', script)
    assert.ok(await runInside(`test -s '${own}/source' && touch '${own}/result'`), 'reads and writes its own job')
    assert.not(await runInside(`test -e '${other}/source'`), 'cannot read another job')
    assert.not(await runInside(`test -e '${canary.file}'`), 'cannot read the canary')
    assert.not(await runInside('test -e /etc/passwd'), 'cannot read the password file')
    assert.not(await runInside(`echo > '${own}/source'`), 'cannot write its own source')
    const request = ['-nostdin', '-v', 'quiet', '-f', 'mp3', '-i', `${canary.url}/x`, '-f', 'null', '-']
    await succeeds(program, ...options, 'ffmpeg', ...request)
    assert.is(canary.connections(), 0)
    await succeeds('ffmpeg', ...request)
    assert.ok(canary.connections() > 0, 'the same command connects without bubblewrap')
  })
}
