import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { thumbnail, transcode } from '../../plugins/index.ts'
import { openCanaryCage, type CanaryCage } from '../helpers/canary.ts'
import { openFileBench, type FileBench, type Ran } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { makeBaitedFilms, toPointers } from './synthetic/bait.ts'

const run = promisify(execFile)
const test = suite('no way out')
const plugins = [transcode({ preset: 'ultrafast' }), thumbnail()]

let bench: FileBench
let cage: CanaryCage
let folder: string

test.before(async () => {
  bench = await openFileBench()
  cage = await openCanaryCage(bench.folder)
  folder = join(bench.folder, 'pointers')
  await mkdir(folder)
})
test.after(async () => {
  await cage[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const toCode = (ran: Ran) => (ran.ok ? 'accepted' : ran.code)

test('the canary sings: an ffprobe without guard follows a playlist, and an external track', async () => {
  const before = cage.connections()
  const path = join(folder, 'guardless.m3u8')
  await writeFile(path, toPointers(cage)['hls.m3u8'] ?? '')
  await run('ffprobe', ['-v', 'quiet', '-protocol_whitelist', 'file,http,tcp', path]).catch(() => undefined) // what it finds there is no film
  assert.ok(cage.connections() > before, 'the server was asked')
  const [external = ''] = await makeBaitedFilms(folder, cage)
  const { stdout } = await run('ffprobe', [
    '-v',
    'quiet',
    '-enable_drefs',
    '1',
    '-use_absolute_path',
    '1',
    '-show_packets',
    external,
  ])
  assert.match(stdout, 'codec_type=video')
})

// one by one, so that a failure names its file
for (const name of Object.keys(toPointers({ file: '/canary', url: 'http://127.0.0.1:1' }))) {
  const add = /^(?:hls-path|ffconcat-file|dash-http|sdp|svg-file)\./.test(name) ? test : test.exhaustive
  add(`${name} is no media, to ffprobe and to ffmpeg, and asks nobody`, async () => {
    const before = cage.connections()
    const path = join(folder, name)
    await writeFile(path, toPointers(cage)[name] ?? '')
    assert.is(toCode(await bench.run(path, plugins)), 'input.not_media')
    assert.is(toCode(await bench.decode(path)), 'input.not_media')
    assert.is(cage.connections(), before)
  })
}

test('films that point elsewhere give what is in themselves, or nothing', async () => {
  const before = cage.connections()
  const outcomes: Record<string, string> = {}
  for (const path of await makeBaitedFilms(folder, cage)) {
    outcomes[basename(path)] = toCode(await bench.run(path, plugins))
    await bench.decode(path)
  }
  assert.equal(outcomes, {
    'external-path.mov': 'input.corrupt',
    'external-url.mov': 'accepted',
    'reference-movie.mov': 'accepted',
    'cover-by-url.mp3': 'accepted',
  })
  assert.is(cage.connections(), before)
})
