import { once } from 'node:events'
import { writeFile, readFile, stat, truncate } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { MediadError } from '../../daemon/vocabulary/errors.ts'
import { createFfmpeg } from '../../daemon/ffmpeg/ffmpeg.ts'
import { createInspect, type Inspect } from '../../daemon/probe/inspect.ts'
import { openPrograms } from '../../daemon/programs/programs.ts'
import { createTestLog } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { ffmpeg, makeAudio, makeVideo } from '../helpers/media.ts'
import { limits } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('ffmpeg input')

type Setup = {
  folder: string
  probe: Inspect
  /** Returns the error codes of a file, from ffprobe and from ffmpeg. */
  toCodes(name: string): Promise<string[]>
}

const toCode = (run: Promise<unknown>) =>
  run.then(
    () => 'accepted',
    (error: MediadError) => error.code,
  )

const playlist = (...lines: string[]) => `#EXTM3U\n#EXT-X-TARGETDURATION:10\n${lines.join('\n')}\n#EXT-X-ENDLIST\n`

async function withSetup(body: (setup: Setup) => Promise<void>): Promise<void> {
  await using temporary = await temporaryFolder()
  const folder = temporary.path
  const programs = await openPrograms({ ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe', directory: folder })
  const probe = createInspect({ programs, limits })
  const decode = (name: string) =>
    createFfmpeg({ programs, stallSeconds: 20, limits }).run({
      command: { outputs: [{ path: join(folder, 'out.mp4'), options: ['-t', '1'] }] },
      input: join(folder, name),
      workspace: folder,
      signal: new AbortController().signal,
      log: createTestLog(),
    })
  const toCodes = async (name: string) => [await toCode(probe(join(folder, name))), await toCode(decode(name))]
  await body({ folder, probe, toCodes })
}

const invalidFiles: Record<string, string | Buffer> = {
  'text.mp4': 'hello, I am text\n'.repeat(100),
  'html.mp4': '<!doctype html><title>x</title>',
  'zip.mp4': Buffer.concat([Buffer.from('PK\u0003\u0004'), randomBytes(5000)]),
  'zeros.mp4': Buffer.alloc(100_000),
  'srt.mp4': '1\n00:00:00,000 --> 00:00:01,000\nHello\n\n',
  random: randomBytes(100_000),
}

for (const [name, content] of Object.entries(invalidFiles)) {
  const add = name === 'text.mp4' ? test : test.exhaustive
  add(`rejects ${name}, which is not media`, () =>
    withSetup(async ({ folder, toCodes }) => {
      await writeFile(join(folder, name), content)
      assert.equal(await toCodes(name), ['input.not_media', 'input.not_media'])
    }),
  )
}

test.exhaustive('follows no reference to another file or URL', () =>
  withSetup(async ({ folder, toCodes }) => {
    let hits = 0
    const server = createServer((_, response) => {
      hits++
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`
      const canary = join(folder, 'canary.mp4')
      await makeVideo(canary)
      for (const [name, content] of Object.entries(toReferences(url, canary))) {
        await writeFile(join(folder, name), content)
        assert.equal(await toCodes(name), ['input.not_media', 'input.not_media'], name)
      }
      assert.is(hits, 0)
    } finally {
      server.close()
    }
  }),
)

function toReferences(url: string, file: string): Record<string, string> {
  return {
    'hls-http.mp4': playlist('#EXTINF:10,', url),
    'hls-file.m3u8': playlist('#EXTINF:10,', `file://${file}`),
    'hls-key.mp4': playlist(`#EXT-X-KEY:METHOD=AES-128,URI="${url}"`, '#EXTINF:10,', file),
    'hls-concat.mp4': playlist('#EXTINF:10,', `concat:${file}|${url}`),
    'hls-master.mp4': `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${url}\n`,
    'concat-file.mp4': `ffconcat version 1.0\nfile '${file}'\n`,
    'concat-http.ffconcat': `ffconcat version 1.0\nfile '${url}'\n`,
    'dash.mpd': `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation id="1"><BaseURL>${url}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
    'sdp.mp4': 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n',
    'image.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="${url}"/></svg>`,
  }
}

test('reports a file that is shorter than its header declares, and an estimated duration', () =>
  withSetup(async ({ folder, probe }) => {
    const path = join(folder, 'tone.wav')
    await makeAudio(path, { seconds: 2 })
    const { size } = await stat(path)
    const complete = await probe(path)
    assert.equal([complete.truncated, complete.declaredBytes, complete.isDurationEstimated], [false, size, false])
    await truncate(path, size - 1)
    const short = await probe(path)
    assert.equal([short.truncated, short.declaredBytes, short.isDurationEstimated], [true, size, true])
  }))

test('rejects an empty file, one truncated before its index, and one without audio and video', () =>
  withSetup(async ({ folder, toCodes, probe }) => {
    await writeFile(join(folder, 'empty'), '')
    assert.is((await toCodes('empty'))[0], 'input.empty')
    await makeVideo(join(folder, 'truncated.mp4'), { seconds: 2 })
    await truncate(join(folder, 'truncated.mp4'), 8000)
    assert.equal(await toCodes('truncated.mp4'), ['input.truncated', 'input.corrupt'])
    await writeFile(join(folder, 'a.srt'), invalidFiles['srt.mp4'] ?? '')
    await ffmpeg(['-i', join(folder, 'a.srt'), join(folder, 'subtitles.mkv')])
    assert.is((await toCodes('subtitles.mkv'))[0], 'input.no_av')
    const cover = [
      '-f',
      'lavfi',
      '-i',
      'testsrc2=duration=0.04',
      '-map',
      '0',
      '-map',
      '1',
      '-frames:v',
      '1',
      '-disposition:v',
      'attached_pic',
    ]
    await makeAudio(join(folder, 'plain.mp3'))
    await ffmpeg(['-i', join(folder, 'plain.mp3'), ...cover, join(folder, 'cover.mp3')])
    assert.is((await probe(join(folder, 'cover.mp3'))).streamCount, 2)
    assert.is((await probe(join(folder, 'cover.mp3'))).video, null)
  }))

test.exhaustive('names a codec that this ffmpeg does not support', () =>
  withSetup(async ({ folder, toCodes, probe }) => {
    const path = join(folder, 'future.mp4')
    await makeVideo(path, { audio: false })
    const bytes = await readFile(path)
    bytes.write('vvc9', bytes.indexOf('avc1', bytes.indexOf('stsd')))
    await writeFile(path, bytes)
    assert.is((await toCodes('future.mp4'))[0], 'input.unsupported_codec')
    const message = await probe(path).catch((error: Error) => error.message)
    assert.match(String(message), 'vvc9')
  }),
)

test.exhaustive('rejects frames above 8K before decoding', () =>
  withSetup(async ({ folder, toCodes }) => {
    const huge = ['-f', 'lavfi', '-i', 'color=black:size=9000x8000:rate=1:duration=1', '-frames:v', '1']
    await ffmpeg([...huge, '-c:v', 'png', join(folder, 'huge.mkv')])
    assert.equal(await toCodes('huge.mkv'), ['input.too_many_pixels', 'input.too_many_pixels'])
  }),
)

test('aborts a probe', () =>
  withSetup(async ({ folder, probe }) => {
    const path = join(folder, 'v.mp4')
    await makeVideo(path)
    const controller = new AbortController()
    const running = probe(path, controller.signal)
    controller.abort(new Error('stop'))
    assert.is(
      await running.then(
        () => '',
        (error: Error) => error.message,
      ),
      'stop',
    )
  }))

test('ignores file names: a video called .jpg, an image called .mp4', () =>
  withSetup(async ({ folder, probe }) => {
    const video = join(folder, 'video.mp4')
    await makeVideo(video)
    await writeFile(join(folder, 'a%03d.mkv'), await readFile(video))
    assert.match((await probe(join(folder, 'a%03d.mkv'))).format, 'mp4')
    await ffmpeg(['-i', video, '-frames:v', '1', '-update', '1', join(folder, 'still.jpg')])
    await writeFile(join(folder, 'still.mp4'), await readFile(join(folder, 'still.jpg')))
    for (const name of ['still.jpg', 'still.mp4']) assert.is((await probe(join(folder, name))).format, 'jpeg_pipe')
  }))

test('reports the declared size of a truncated file, and durations that ffprobe estimates', () =>
  withSetup(async ({ folder, probe }) => {
    const [wav, mp3] = [join(folder, 'a.wav'), join(folder, 'a.mp3')]
    await makeAudio(wav)
    const complete = await probe(wav)
    assert.equal(
      [complete.truncated, complete.declaredBytes, complete.isDurationEstimated],
      [false, complete.sizeBytes, false],
    )
    await truncate(wav, complete.sizeBytes / 2)
    const half = await probe(wav)
    assert.equal([half.truncated, half.declaredBytes], [true, complete.sizeBytes])
    await ffmpeg(['-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'libmp3lame', '-write_xing', '0', mp3])
    assert.is((await probe(mp3)).isDurationEstimated, true)
  }))
