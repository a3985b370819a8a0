import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { ffmpeg, readColour } from '../helpers/media.ts'
import { openFileBench, type FileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { findTimestampDefects, measure, spanOf, streamOf } from './measure.ts'
import { aac, encode, createFiles, inputs, h264, videoInput, audioInput, type Maker } from './synthetic/files.ts'

/** Concatenates files byte by byte, like `cat`. */
const concatenated =
  (extension: string, ...parts: readonly (readonly string[])[]): Maker =>
  async (path) => {
    const paths = parts.map((_, n) => `${path}.${n}.${extension}`)
    for (const [n, options] of parts.entries()) await ffmpeg([...options, paths[n] ?? ''])
    await writeFile(path, Buffer.concat(await Promise.all(paths.map((part) => readFile(part)))))
    await Promise.all(paths.map((part) => rm(part)))
  }

const plain = ['-fflags', '+bitexact', '-write_xing', '0', '-id3v2_version', '0']
const mp3 = (channels: number) => [...audioInput(), '-c:a', 'libmp3lame', '-ac', String(channels), ...plain]
const capture = (offset: number) => [
  ...inputs(),
  ...h264,
  '-c:a',
  'mp2',
  '-muxdelay',
  '0',
  '-output_ts_offset',
  String(offset),
]

const test = suite('edge cases')
let bench: FileBench
let files: (name: string) => Promise<string>
test.before(async () => {
  bench = await openFileBench()
  files = createFiles(join(bench.folder, 'sources'), {
    'mono-then-stereo.mp3': concatenated('mp3', mp3(1), mp3(2)),
    'stereo-then-mono.aac': concatenated(
      'aac',
      [...audioInput(), ...aac, '-ac', '2'],
      [...audioInput(), ...aac, '-ac', '1'],
    ),
    'clock-back.ts': concatenated('ts', capture(100), capture(5)),
    'clock-ahead.ts': concatenated('ts', capture(5), capture(100)),
    'video.mp4': encode(inputs({ seconds: 4 }), h264, aac),
    'palette.avi': encode('-f', 'lavfi', '-i', 'color=red:s=160x120:d=2:r=10', '-c:v', 'rawvideo', '-pix_fmt', 'pal8'),
    'loud.wav': encode('-f', 'lavfi', '-i', 'anoisesrc=d=5:a=1', '-af', 'volume=12dB', '-c:a', 'pcm_f32le'),
    'extreme-pixel-aspect.mkv': encode(videoInput(), '-vf', 'setsar=20/1', h264),
    'small.mp4': encode(videoInput({ size: '8x6' }), h264),
    'rear-channels.wav': encode(
      '-f',
      'lavfi',
      '-i',
      'aevalsrc=sin(2*PI*200*t)|sin(2*PI*300*t):c=BL+BR:s=48000:d=2',
      '-c:a',
      'pcm_s16le',
    ),
    'timecode.mov': encode(videoInput(), h264, '-timecode', '01:00:00:00'),
  })
})
test.after(async () => bench[Symbol.asyncDispose]())

async function make(name: string, options: Parameters<typeof transcode>[0] = {}) {
  const result = await bench.run(await files(name), [transcode({ preset: 'ultrafast', ...options }), upload()])
  if (!result.ok) throw new Error(`${result.code}: ${result.message}\n${result.stderr.join('\n')}`)
  return { ...result, output: await measure(result.outputs[0]?.path ?? '') }
}

for (const name of ['mono-then-stereo.mp3', 'stereo-then-mono.aac']) {
  const add = name.endsWith('mp3') ? test : test.exhaustive
  add(`${name}: keeps all audio in order when the channels change`, async () => {
    const { output } = await make(name)
    assert.equal(findTimestampDefects(output), [])
    assert.ok(Math.abs(Number(output.format.duration) - 4) < 0.2, `lasts ${output.format.duration} s`)
  })
}

for (const name of ['clock-back.ts', 'clock-ahead.ts']) {
  const add = name === 'clock-back.ts' ? test : test.exhaustive
  add(`${name}: does not take a timestamp jump for the duration`, async () => {
    const { output } = await make(name)
    const [videoSpan, audioSpan] = ['video', 'audio'].map((kind) => spanOf(output, streamOf(output, kind)?.index ?? -1))
    assert.is(videoSpan?.count, 100)
    assert.ok(
      Math.abs((videoSpan?.end ?? 0) - (audioSpan?.end ?? 9)) < 0.2,
      `video ends at ${videoSpan?.end} s, audio at ${audioSpan?.end} s`,
    )
  })
}

for (const [codec, container] of [
  ['h264', 'mp4'],
  ['h264', 'mkv'],
  ['vp9', 'webm'],
] as const) {
  test.exhaustive(`keeps every sample of Opus with ${codec} in ${container}`, async () => {
    const preset = codec === 'vp9' ? 5 : 'ultrafast'
    const { outputs } = await make('video.mp4', {
      codec,
      preset,
      audio: { codec: 'opus' },
      key: `c_{name}.${container}`,
    })
    const wav = join(bench.folder, 'decoded.wav')
    await ffmpeg([
      '-i',
      outputs[0]?.path ?? '',
      '-vn',
      '-af',
      'aresample=async=0',
      '-c:a',
      'pcm_s16le',
      '-ac',
      '1',
      wav,
    ])
    const seconds = ((await readFile(wav)).length - 100) / 2 / 48_000
    assert.ok(Math.abs(seconds - 4) < 0.1, `${seconds.toFixed(2)} s of audio, expected 4`)
  })
}

test.exhaustive('keeps the colours of palette video in the thumbnail', async () => {
  const result = await bench.run(await files('palette.avi'), [thumbnail({ format: 'png' }), upload()])
  assert.ok(result.ok)
  const [red = 0, green = 255] = await readColour(result.outputs[0]?.path ?? '', { x: 0.5, y: 0.5, size: 0.1 })
  assert.ok(red > 200 && green < 60, `${red}, ${green}`)
})

test.exhaustive('normalizes loudness of audio beyond full scale without a warning', async () => {
  const { warnings } = await make('loud.wav', { loudness: { target: -16 } })
  assert.equal(warnings, [])
})

test.exhaustive('does not report an implausible sample aspect ratio as a change mid-stream', async () => {
  const { warnings } = await make('extreme-pixel-aspect.mkv')
  assert.equal(warnings, [])
})

for (const copy of ['auto', 'never'] as const) {
  const add = copy === 'never' ? test : test.exhaustive
  add(`accepts video too small to deinterlace, copy: '${copy}'`, async () => {
    const { output } = await make('small.mp4', { copy })
    assert.equal([output.streams[0]?.width, output.streams[0]?.height], [8, 6])
  })
}

test.exhaustive('keeps two channels that are not left and right', async () => {
  const { output } = await make('rear-channels.wav')
  assert.is(output.streams[0]?.channels, 2)
})

test.exhaustive('writes a kept timecode without a data track', async () => {
  const { output } = await make('timecode.mov', { metadata: 'keep' })
  assert.equal(
    output.streams.map(({ codec_type }) => codec_type),
    ['video'],
  )
})
