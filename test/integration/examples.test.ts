import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeAudio, makeVideo, probeFile } from '../helpers/media.ts'
import { startMediad } from '../helpers/process.ts'
import { suite } from '../helpers/suite.ts'

const execute = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const examples = join(root, 'examples')
const minimal = join(examples, 'minimal/media.config.ts')
const custom = join(examples, 'custom-plugin/media.config.ts')
const client = join(examples, 'presign-client/upload.ts')

const test = suite('examples')

test.exhaustive('minimal: mediad run', async () => {
  await using folder = await temporaryFolder()
  await makeVideo(join(folder.path, 'video.mov'))
  assert.equal(await runChain(folder.path, minimal, 'video.mov'), ['cvted_video.mp4'])
  const { streams } = await probeFile(join(folder.path, 'out/cvted_video.mp4'))
  assert.equal(streams.map(({ codec_name }) => codec_name).toSorted(), ['aac', 'h264'])
})

test('minimal: mediad start --local; presign-client: prints results and errors', async () => {
  await using folder = await temporaryFolder()
  await makeVideo(join(folder.path, 'my video.mp4'))
  await using mediad = await startMediad(['start', '--local', '--port', '0', '--config', minimal])
  const url = await mediad.started()
  const environment = join(mediad.folder, '.mediad-data/env')
  assert.match(await readFile(environment, 'utf8'), "\nexport MEDIAD_BUCKET='media'\n")
  const upload = (file: string) => execute(process.execPath, [client, file, url])
  const { stdout } = await upload(join(folder.path, 'my video.mp4'))
  assert.match(stdout, /^video: cvted_[0-9a-f-]+-my-video\.mp4\n$/)
  assert.match(await readError(upload('/dev/null')), /no upload URL: .*size: must be at least 1 byte/)
  assert.match(await readError(upload(client)), /the job failed: \w/)
  assert.is(await mediad.stop(), 0)
  assert.not.ok(existsSync(environment), 'the ports are no longer in use')
})

const missing = ['curl', 'jq'].filter((name) => !findProgram(name))
if (missing.length > 0) test.skip('presign-client: the same with curl', `${missing.join(' and ')} not found`)
else
  test.exhaustive('presign-client: the same with curl', async () => {
    await using folder = await temporaryFolder()
    await makeVideo(join(folder.path, 'video.mp4'))
    await using mediad = await startMediad(['start', '--local', '--port', '0', '--config', minimal])
    const script = (await readCurl()).replaceAll('http://localhost:3000', await mediad.started())
    const { stdout } = await execute('sh', ['-euc', script], { cwd: folder.path })
    const { source } = JSON.parse(stdout) as { source: { key: string } }
    assert.match(source.key, /^origin_[0-9a-f-]+-video\.mp4$/)
  })

test.exhaustive('custom-plugin: an image with six frames; none for a source without video', async () => {
  await using folder = await temporaryFolder()
  await makeVideo(join(folder.path, 'video.mp4'), { seconds: 3, width: 320, height: 180 })
  await makeAudio(join(folder.path, 'song.mp3'))
  assert.equal(await runChain(folder.path, custom, 'video.mp4'), ['sheet_video.jpg'])
  const [image] = (await probeFile(join(folder.path, 'out/sheet_video.jpg'))).streams
  assert.equal([image?.codec_name, image?.width, image?.height], ['mjpeg', 3 * 240, 2 * 136])
  assert.equal(await runChain(folder.path, custom, 'song.mp3'), ['sheet_video.jpg'])
})

test.exhaustive('demo', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video)
  const env = { ...process.env, TMPDIR: folder.path }
  const out = join(folder.path, 'out')
  const args = ['--conditions=source', join(examples, 'demo.ts'), video, '--out', out]
  const { stdout } = await execute(process.execPath, args, { cwd: root, env })
  assert.match(stdout, /cvted_[0-9a-f-]+-video\.mp4 .*│ video/)
  assert.match(stdout, /thumb_[0-9a-f-]+-video\.jpg .*│ thumbnail/)
  assert.ok(stdout.includes(`The outputs are in ${out}:`))
  assert.equal((await readdir(folder.path)).toSorted(), ['out', 'video.mp4'])
  assert.match((await readdir(out)).toSorted().join(' '), /^cvted_\S+-video\.mp4 thumb_\S+-video\.jpg$/)
})

test.exhaustive('demo --streaming: serves a presentation and its player until it is interrupted', async () => {
  await using folder = await temporaryFolder()
  const video = join(folder.path, 'video.mp4')
  await makeVideo(video)
  const env = { ...process.env, TMPDIR: folder.path }
  const args = [
    '--conditions=source',
    join(examples, 'demo.ts'),
    video,
    '--streaming',
    '--out',
    join(folder.path, 'out'),
  ]
  const demo = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(demo, 'exit')
  let url = ''
  for await (const line of createInterface({ input: demo.stdout })) {
    url = /^Open (\S+) to play it/.exec(line)?.[1] ?? ''
    if (url !== '') break
  }
  const { origin, pathname, searchParams } = new URL(url)
  assert.match(await (await fetch(origin + pathname)).text(), 'hls.min.js')
  assert.is((await fetch(`${origin}${pathname}hls.min.js`)).status, 200)
  const master = await fetch(origin + searchParams.get('src'))
  assert.is(master.headers.get('content-type'), 'application/vnd.apple.mpegurl')
  assert.is(master.headers.get('access-control-allow-origin'), '*')
  assert.match(await master.text(), '#EXT-X-STREAM-INF')
  const part = await fetch(origin + searchParams.get('src'), { headers: { range: 'bytes=0-6' } })
  assert.equal([part.status, await part.text()], [206, '#EXTM3U'])
  assert.is((await fetch(`${origin}/%2e%2e/video.mp4`)).status, 404, 'it serves only the folder')
  demo.kill('SIGINT')
  assert.equal(await ended, [0, null])
})

test('demo: checks its file before anything starts', async () => {
  const args = ['--conditions=source', join(examples, 'demo.ts'), '/nowhere/video.mp4']
  const { code, stdout, stderr } = (await execute(process.execPath, args, { cwd: root }).catch((error) => error)) as {
    code: number
    stdout: string
    stderr: string
  }
  assert.equal([code, stdout], [2, ''])
  assert.match(stderr, /^\/nowhere\/video\.mp4 is not a file\. Usage: npm run demo/)
})

/** Runs `mediad run` on a file in `folder`, and returns the files in the folder `out`. */
async function runChain(folder: string, config: string, file: string): Promise<string[]> {
  await using mediad = await startMediad(['run', file, '--out', 'out', '--config', config], { cwd: folder })
  assert.is(await mediad.ended, 0, mediad.entries.map(({ text }) => text).join('\n'))
  return (await readdir(join(folder, 'out'))).toSorted()
}

/** Reads the commands in the first comment of the client. */
async function readCurl(): Promise<string> {
  const lines = (await readFile(client, 'utf8')).split('\n')
  const commands = lines.filter((line) => line.startsWith(' *   ')).map((line) => line.slice(5))
  assert.is(commands.length, 3)
  return commands.join('\n')
}

async function readError(running: Promise<unknown>): Promise<string> {
  const [result] = await Promise.allSettled([running])
  assert.is(result.status, 'rejected')
  return result.status === 'rejected' ? (result.reason as { stderr: string }).stderr : ''
}

function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(existsSync)
}
