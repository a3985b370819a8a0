import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { openCanaryCage, type CanaryCage } from '../helpers/canary.ts'
import { openFileBench, type FileBench, type Ran } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { makeReferencingVideos, toReferencingTexts } from './synthetic/external-references.ts'

const run = promisify(execFile)
const test = suite('external references')
const plugins = [transcode({ preset: 'ultrafast' }), thumbnail(), upload()]

let bench: FileBench
let canary: CanaryCage
let folder: string

test.before(async () => {
  bench = await openFileBench()
  canary = await openCanaryCage(bench.folder)
  folder = join(bench.folder, 'pointers')
  await mkdir(folder)
})
test.after(async () => {
  await canary[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const toCode = (result: Ran) => (result.ok ? 'accepted' : result.code)

test('the canary detects an unprotected ffprobe that follows a playlist or an external track', async () => {
  const before = canary.connections()
  const path = join(folder, 'unprotected.m3u8')
  await writeFile(path, toReferencingTexts(canary)['hls.m3u8'] ?? '')
  // fails, because the response is not a video
  await run('ffprobe', ['-v', 'quiet', '-protocol_whitelist', 'file,http,tcp', path]).catch(() => undefined)
  assert.ok(canary.connections() > before, 'the server received a request')
  const [external = ''] = await makeReferencingVideos(folder, canary)
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

// a test per file, so that a failure names its file
for (const name of Object.keys(toReferencingTexts({ file: '/canary', url: 'http://127.0.0.1:1' }))) {
  const add = /^(?:hls-path|sdp)\./.test(name) ? test : test.exhaustive
  add(`rejects ${name} as not media, without a request`, async () => {
    const before = canary.connections()
    const path = join(folder, name)
    await writeFile(path, toReferencingTexts(canary)[name] ?? '')
    assert.is(toCode(await bench.run(path, plugins)), 'input.not_media')
    assert.is(toCode(await bench.decode(path)), 'input.not_media')
    assert.is(canary.connections(), before)
  })
}

test.exhaustive('reads no external data of a valid file', async () => {
  const before = canary.connections()
  const outcomes: Record<string, string> = {}
  for (const path of await makeReferencingVideos(folder, canary)) {
    outcomes[basename(path)] = toCode(await bench.run(path, plugins))
    await bench.decode(path)
  }
  assert.equal(outcomes, {
    'external-path.mov': 'input.corrupt',
    'external-url.mov': 'accepted',
    'reference-movie.mov': 'accepted',
    'cover-url.mp3': 'accepted',
  })
  assert.is(canary.connections(), before)
})
