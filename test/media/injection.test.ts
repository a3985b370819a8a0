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
import { createId3Cover } from './synthetic/external-references.ts'
import { createMatroska } from './synthetic/ebml.ts'

const run = promisify(execFile)
const test = suite('injection')
const plugins = [transcode({ preset: 'ultrafast' }), thumbnail(), upload()]

let bench: FileBench
let plain: string
test.before(async () => {
  bench = await openFileBench()
  plain = join(bench.folder, 'plain.mp4')
  await makeVideo(plain)
})
test.after(async () => bench[Symbol.asyncDispose]())

const toCode = (result: Ran) => (result.ok ? 'accepted' : result.code)

/** Messages that ffmpeg prints for errors of the machine or the installation, which retry a job or stop a daemon. */
const messages = [
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

/** Returns the allowed codes. A complete injected line can look like a lack of memory, which only retries this job. */
const toAllowed = (message: string) =>
  /\n\[fatal\]/.test(message) ? /^(?:input\.\w+|resource\.memory)$/ : /^input\.(?:not_media|corrupt)$/

for (const [n, message] of messages.entries()) {
  const add = n === 6 ? test : test.exhaustive
  add(
    `does not blame the machine for a file with ${JSON.stringify(message)} as format, codec or application name`,
    async () => {
      for (const [field, names] of Object.entries({
        docType: { docType: message },
        codec: { codec: message },
        app: { app: message },
      })) {
        const path = join(bench.folder, `${field}-${n}.mkv`)
        await writeFile(path, createMatroska(names))
        const [processed, decoded] = [toCode(await bench.run(path, plugins)), toCode(await bench.decode(path))]
        assert.match(
          processed,
          /^(?:accepted|input\.(?:not_media|corrupt|no_av|unsupported_codec))$/,
          `${field}: ${processed}`,
        )
        // without a probe, ffmpeg finds no stream to write and reports nothing more specific
        assert.match(decoded, /^(?:accepted|input\.\w+|internal\.ffmpeg)$/, `${field}: ${decoded}`)
      }
    },
  )

  add(`rejects broken audio with cover art of type ${JSON.stringify(message)}`, async () => {
    const path = join(bench.folder, `cover-${n}.flac`)
    await writeFile(path, Buffer.concat([createId3Cover(message, 'x'), Buffer.from('fLaC'), Buffer.alloc(100, 0x7f)]))
    for (const result of [await bench.run(path, plugins), await bench.decode(path)])
      assert.match(toCode(result), toAllowed(message), toCode(result))
  })

  add(`ignores ${JSON.stringify(message)} in a file name`, async () => {
    const folder = join(bench.folder, `named-${n}`)
    await mkdir(folder)
    const [junk, video] = [join(folder, `junk ${message}`), join(folder, message)]
    await writeFile(junk, 'not a video')
    await copyFile(plain, video)
    assert.match(toCode(await bench.inspect(junk)), toAllowed(message))
    assert.match(toCode(await bench.decode(junk)), toAllowed(message))
    assert.is(toCode(await bench.decode(video)), 'accepted')
  })
}

/** Imitates ffmpeg's progress report and error lines and a log line, and has terminal control sequences. */
const hostile =
  'x\nprogress=end\nout_time_us=999999999999\nframe=99999999\n\u001B[2J\u001B]0;owned\u0007\r{"level":"error","msg":"forged"}\n[error] file:x: No space left on device'

test('ignores progress, errors and control sequences in metadata', async () => {
  const video = join(bench.folder, 'hostile.mkv')
  const tags = [
    '-metadata',
    `title=${hostile}`,
    '-metadata:s:v',
    `title=${hostile}`,
    '-metadata:s:a',
    `language=${hostile}`,
  ]
  const inputs = ['-f', 'lavfi', '-i', 'testsrc2=s=160x90:d=1', '-f', 'lavfi', '-i', 'sine=d=1']
  await ffmpeg([...inputs, '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'ac3', ...tags, video])
  for (const metadata of ['drop', 'keep'] as const) {
    const result = await bench.run(video, [transcode({ preset: 'ultrafast', metadata }), upload()])
    if (!result.ok) throw new Error(`${result.code}: ${result.message}`)
    assert.not.match(JSON.stringify([result.warnings, result.probe]), /\\u001b|\\u0007|forged|No space/)
    const { format } = await measure(result.outputs[0]?.path ?? '')
    assert.is(format.tags?.title === undefined, metadata === 'drop')
    assert.ok(Math.abs(Number(format.duration) - 1) <= 0.05)
  }
})

test.exhaustive('prints a hostile file name in one line, without control characters', async () => {
  const folder = join(bench.folder, 'printed')
  await mkdir(folder)
  const video = join(folder, `${hostile.replaceAll('/', '')}.mp4`)
  await writeFile(video, 'not a video')
  const mediad = ['--conditions=source', join(import.meta.dirname, '../../daemon/main.ts'), 'run', video]
  const env = { ...process.env, NODE_V8_COVERAGE: '' }
  const { code, stdout, stderr } = await run(process.execPath, [...mediad, '--out', folder], { env }).then(
    (output) => ({ code: 0, ...output }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )
  assert.is(code, 1)
  const lines = stdout.split('\n').filter((line) => line !== '')
  assert.is(lines.length, 1, stdout)
  assert.is((JSON.parse(lines[0] ?? '') as { code: string }).code, 'input.not_media')
  assert.is(stripVTControlCharacters(stdout + stderr), stdout + stderr)
  for (const line of stderr.split('\n').filter(Boolean)) assert.ok(JSON.parse(line))
})
