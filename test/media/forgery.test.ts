import { execFile } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { ffmpeg, makeVideo } from '../helpers/media.ts'
import { openFileBench, type FileBench, type Ran } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure } from './measure.ts'
import { toCover } from './synthetic/bait.ts'
import { toMatroska } from './synthetic/ebml.ts'

const run = promisify(execFile)
const test = suite('forgery')
const plugins = [transcode({ preset: 'ultrafast' }), thumbnail(), upload()]

let bench: FileBench
let plain: string
test.before(async () => {
  bench = await openFileBench()
  plain = join(bench.folder, 'plain.mp4')
  await makeVideo(plain)
})
test.after(async () => bench[Symbol.asyncDispose]())

const toCode = (ran: Ran) => (ran.ok ? 'accepted' : ran.code)

/** What ffmpeg says when the machine, the disk or the installation is at fault: words that retry a job, or stop a daemon. */
const lies = [
  'Cannot allocate memory',
  'x: No space left on device',
  "Unknown encoder 'libx264'",
  "No such filter: 'scale'",
  'Too many open files',
  'Resource temporarily unavailable',
  'y\n[error] file:x: No space left on device',
  'y\r\n[fatal] malloc of size 9 failed',
  'moov atom not found',
  'Number of streams exceeds max_streams parameter (3)',
]

/** A whole line that is smuggled in passes for a lack of memory: the job is tried again, and no other is touched. */
const toAllowed = (lie: string) =>
  /\n\[fatal\]/.test(lie) ? /^(?:input\.\w+|resource\.memory)$/ : /^input\.(?:not_media|corrupt)$/

for (const [n, lie] of lies.entries()) {
  const add = n === 0 || n === 6 ? test : test.exhaustive
  add(`a container, a codec or a program called ${JSON.stringify(lie)} is the file’s own fault`, async () => {
    for (const [what, names] of Object.entries({
      docType: { docType: lie },
      codec: { codec: lie },
      app: { app: lie },
    })) {
      const path = join(bench.folder, `${what}-${n}.mkv`)
      await writeFile(path, toMatroska(names))
      const [whole, decoded] = [toCode(await bench.run(path, plugins)), toCode(await bench.decode(path))]
      assert.match(whole, /^(?:accepted|input\.(?:not_media|corrupt|no_av|unsupported_codec))$/, `${what}: ${whole}`)
      // without a probe before it, ffmpeg finds nothing to write, and says no more than that
      assert.match(decoded, /^(?:accepted|input\.\w+|internal\.ffmpeg)$/, `${what}: ${decoded}`)
    }
  })

  add(`a broken sound whose cover is of the type ${JSON.stringify(lie)} is broken`, async () => {
    const path = join(bench.folder, `cover-${n}.flac`)
    await writeFile(path, Buffer.concat([toCover(lie, 'x'), Buffer.from('fLaC'), Buffer.alloc(100, 0x7f)]))
    for (const ran of [await bench.run(path, plugins), await bench.decode(path)])
      assert.match(toCode(ran), toAllowed(lie), toCode(ran))
  })

  add(`a file called ${JSON.stringify(lie)} is what it is`, async () => {
    const folder = join(bench.folder, `named-${n}`)
    await mkdir(folder)
    const [junk, film] = [join(folder, `junk ${lie}`), join(folder, lie)]
    await writeFile(junk, 'no film at all')
    await copyFile(plain, film)
    assert.match(toCode(await bench.inspect(junk)), toAllowed(lie))
    assert.match(toCode(await bench.decode(junk)), toAllowed(lie))
    assert.is(toCode(await bench.decode(film)), 'accepted')
  })
}

/** Ends ffmpeg's report, moves its clock, clears a screen, renames its window, and looks like a line of a log. */
const evil =
  'x\nprogress=end\nout_time_us=999999999999\nframe=99999999\n\u001B[2J\u001B]0;owned\u0007\r{"level":"error","msg":"forged"}\n[error] file:x: No space left on device'

test('metadata forges neither progress nor an error, nor what is printed of a run', async () => {
  const film = join(bench.folder, 'evil.mkv')
  const tags = ['-metadata', `title=${evil}`, '-metadata:s:v', `title=${evil}`, '-metadata:s:a', `language=${evil}`]
  const inputs = ['-f', 'lavfi', '-i', 'testsrc2=s=160x90:d=1', '-f', 'lavfi', '-i', 'sine=d=1']
  await ffmpeg([...inputs, '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'ac3', ...tags, film])
  for (const metadata of ['drop', 'keep'] as const) {
    const ran = await bench.run(film, [transcode({ preset: 'ultrafast', metadata }), upload()])
    if (!ran.ok) throw new Error(`${ran.code}: ${ran.message}`)
    assert.not.match(JSON.stringify([ran.warnings, ran.probe]), /\\u001b|\\u0007|forged|No space/)
    const { format } = await measure(ran.outputs[0]?.path ?? '')
    assert.is(format.tags?.title === undefined, metadata === 'drop')
    assert.ok(Math.abs(Number(format.duration) - 1) <= 0.05)
  }
})

test('what a run prints of a hostile file name is one line, and obeys to no terminal', async () => {
  const folder = join(bench.folder, 'printed')
  await mkdir(folder)
  const film = join(folder, `${evil.replaceAll('/', '')}.mp4`)
  await writeFile(film, 'no film at all')
  const mediad = ['--conditions=source', join(import.meta.dirname, '../../daemon/main.ts'), 'run', film]
  const env = { ...process.env, NODE_V8_COVERAGE: '' }
  const { code, stdout, stderr } = await run(process.execPath, [...mediad, '--out', folder], { env }).then(
    (said) => ({ code: 0, ...said }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )
  assert.is(code, 1)
  const said = stdout.split('\n').filter((line) => line !== '')
  assert.is(said.length, 1, stdout)
  assert.is((JSON.parse(said[0] ?? '') as { code: string }).code, 'input.not_media')
  assert.is(stripVTControlCharacters(stdout + stderr), stdout + stderr)
  for (const line of stderr.split('\n').filter(Boolean)) assert.ok(JSON.parse(line))
})
