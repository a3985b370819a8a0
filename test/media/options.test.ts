import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { ffmpeg, makeVideo, readColour } from '../helpers/media.ts'
import { openFileBench, type FileBench, type Succeeded } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure, readLoudness, streamOf } from './measure.ts'
import { halves } from './synthetic/corrupt.ts'
import { aac, encode, createFiles, inputs, h264, videoInput, audioInput } from './synthetic/files.ts'
import { withMetadata, subtitled } from './synthetic/tracks.ts'

const test = suite('options')
type Options = Parameters<typeof transcode>[0]

let bench: FileBench
let files: (name: string) => Promise<string>
test.before(async () => {
  bench = await openFileBench()
  const wide = encode(videoInput({ size: '320x180', seconds: 1 }), h264)
  const quiet = encode(
    ['-f', 'lavfi', '-i', 'sine=frequency=1000:duration=4:sample_rate=48000'],
    '-af',
    'volume=-30dB',
    aac,
  )
  files = createFiles(join(bench.folder, 'sources'), {
    ...withMetadata,
    ...subtitled,
    ...halves,
    'wide.mp4': wide,
    'quiet.m4a': quiet,
  })
})
test.after(async () => bench[Symbol.asyncDispose]())

async function make(path: string, options: Options): Promise<Succeeded> {
  const plugin = transcode({ preset: 'ultrafast', ...options })
  assert.equal(plugin.problems, [])
  const result = await bench.run(path, [plugin, upload()])
  if (!result.ok) throw new Error(`${result.code}: ${result.message}\n${result.stderr.join('\n')}`)
  return result
}

const measureMain = (result: Succeeded) => measure(result.outputs[0]?.path ?? '')

const sizes: readonly [Options, string][] = [
  [{ maxHeight: 90 }, '160x90'],
  [{ maxWidth: 100 }, '100x56'],
  [{ maxWidth: 4000, maxHeight: 4000 }, '320x180'],
  [{ maxWidth: 100, maxHeight: 100, fit: 'contain' }, '100x56'],
  [{ maxWidth: 100, maxHeight: 100, fit: 'cover' }, '100x100'],
  [{ maxWidth: 100, maxHeight: 100, fit: 'pad' }, '100x100'],
]

for (const [options, size] of sizes) {
  const add = options?.fit === 'pad' || options?.fit === 'cover' ? test : test.exhaustive
  add(`scales 320x180 to ${size} with ${JSON.stringify(options)}`, async () => {
    const { path = '' } = (await make(await files('wide.mp4'), options)).outputs[0] ?? {}
    const stream = streamOf(await measure(path), 'video')
    assert.is(`${stream?.width}x${stream?.height}`, size)
    const top = await readColour(path, { x: 0.4, y: 0, size: 0.1 })
    assert.is(Math.max(...top) < 40, options?.fit === 'pad', `at the top: ${top.join()}`)
  })
}

test('normalizes loudness to the target, within 1 LUFS', async () => {
  const path = await files('quiet.m4a')
  assert.ok((await readLoudness(path)) < -40)
  for (const target of [-16, -23]) {
    const { path: output = '' } = (await make(path, { loudness: { target } })).outputs[0] ?? {}
    const loudness = await readLoudness(output)
    assert.ok(Math.abs(loudness - target) <= 1, `${loudness} LUFS, expected ${target}`)
  }
})

test.exhaustive('drops locations and titles, or keeps them on request', async () => {
  for (const name of ['location.mp4', 'location.mkv']) {
    for (const metadata of ['drop', 'keep'] as const) {
      const result = await make(await files(name), { metadata })
      const text = JSON.stringify((await measureMain(result)).format.tags)
      const bytes = await readFile(result.outputs[0]?.path ?? '', 'latin1')
      if (metadata === 'drop') assert.not.match(bytes, /48\.8584|loci|\xA9xyz/)
      assert.is(text.includes('My House'), metadata === 'keep', `${name}, ${metadata}`)
      assert.is(text.includes('48.8584'), metadata === 'keep', `${name}, ${metadata}`)
    }
  }
})

test.exhaustive('converts each text subtitle track to a WebVTT file, and drops bitmap subtitles', async () => {
  const expected: Record<string, string[]> = {
    'srt.mkv': ['Hello <i>there</i>'],
    'ass.mkv': ['Hello'],
    'mov-text.mp4': ['Hello'],
    'webvtt.webm': ['Hello'],
    'two-languages.mkv': ['Hello', 'Guten Tag'],
    'pgs.mkv': [],
    'dvd.mkv': [],
    'dvb.ts': [],
  }
  for (const [name, texts] of Object.entries(expected)) {
    const { outputs } = await make(await files(name), { subtitles: 'webvtt' })
    const written = await Promise.all(outputs.slice(1).map(({ path }) => readFile(path, 'utf8')))
    assert.is(written.length, texts.length, name)
    for (const [n, text] of texts.entries()) {
      assert.match(written[n] ?? '', /^WEBVTT\n/)
      assert.match(written[n] ?? '', text)
      assert.not.match(written[n] ?? '', '/etc/passwd')
    }
  }
})

test.exhaustive('accepts a truncated file on request, with a warning', async () => {
  const path = await files('half-faststart.mp4')
  const { warnings } = await make(path, { onCorrupt: 'warn' })
  assert.match(warnings.join('\n'), /the video lasts \S+ s of the 4\.00 s that the file declares/)
})

test('copies compatible streams without re-encoding, or re-encodes them on request', async () => {
  const path = join(bench.folder, 'compatible.mp4')
  await ffmpeg([...inputs({ size: '320x180' }), ...h264, ...aac, path])
  const source = await measure(path)
  const [copied, encoded] = await Promise.all(
    (['auto', 'never'] as const).map(async (copy) => measureMain(await make(path, { copy, crf: 40 }))),
  )
  const toSizes = ({ packets }: typeof source, index: number) =>
    packets.filter(({ stream_index }) => stream_index === index).map(({ sizeBytes }) => sizeBytes)
  for (const index of [0, 1]) assert.equal(toSizes(copied ?? source, index), toSizes(source, index))
  assert.not.equal(toSizes(encoded ?? source, 0), toSizes(source, 0))
})

test('skips the thumbnail of an audio file, with the reason', async () => {
  const path = join(bench.folder, 'tone.mp3')
  await ffmpeg([...audioInput(), '-c:a', 'libmp3lame', path])
  const result = await bench.run(path, [thumbnail(), upload()])
  assert.ok(result.ok && result.outputs.length === 0)
  assert.match(result.ok ? (result.timings[0]?.skipped ?? '') : '', 'no video')
})

test.exhaustive('reports CPU seconds, also of short runs', async () => {
  const path = join(bench.folder, 'short.mp4')
  await makeVideo(path)
  const { timings } = await make(path, { copy: 'never' })
  assert.ok((timings[0]?.cpuSeconds ?? 0) > 0.01, `${timings[0]?.cpuSeconds} s`)
})
