import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { ffmpeg, readColour } from '../helpers/media.ts'
import { openFileBench, type FileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { findTimeFlaws, measure, spanOf, streamOf } from './measure.ts'
import { aac, by, createFiles, film, h264, picture, sound, type Maker } from './synthetic/files.ts'

/** Files of one kind behind each other, as `cat` does it. */
const joined =
  (extension: string, ...parts: readonly (readonly string[])[]): Maker =>
  async (path) => {
    const paths = parts.map((_, n) => `${path}.${n}.${extension}`)
    for (const [n, options] of parts.entries()) await ffmpeg([...options, paths[n] ?? ''])
    await writeFile(path, Buffer.concat(await Promise.all(paths.map((part) => readFile(part)))))
    await Promise.all(paths.map((part) => rm(part)))
  }

const plain = ['-fflags', '+bitexact', '-write_xing', '0', '-id3v2_version', '0']
const mp3 = (channels: number) => [...sound(), '-c:a', 'libmp3lame', '-ac', String(channels), ...plain]
const capture = (offset: number) => [
  ...film(),
  ...h264,
  '-c:a',
  'mp2',
  '-muxdelay',
  '0',
  '-output_ts_offset',
  String(offset),
]

const test = suite('what changes on the way, and what is in parts')
let bench: FileBench
let files: (name: string) => Promise<string>
test.before(async () => {
  bench = await openFileBench()
  files = createFiles(join(bench.folder, 'sources'), {
    'mono-then-stereo.mp3': joined('mp3', mp3(1), mp3(2)),
    'stereo-then-mono.aac': joined('aac', [...sound(), ...aac, '-ac', '2'], [...sound(), ...aac, '-ac', '1']),
    'clock-back.ts': joined('ts', capture(100), capture(5)),
    'clock-ahead.ts': joined('ts', capture(5), capture(100)),
    'film.mp4': by(film({ seconds: 4 }), h264, aac),
    'palette.avi': by('-f', 'lavfi', '-i', 'color=red:s=160x120:d=2:r=10', '-c:v', 'rawvideo', '-pix_fmt', 'pal8'),
    'loud.wav': by('-f', 'lavfi', '-i', 'anoisesrc=d=5:a=1', '-af', 'volume=12dB', '-c:a', 'pcm_f32le'),
    'long-pixels.mkv': by(picture(), '-vf', 'setsar=20/1', h264),
    'small.mp4': by(picture({ size: '8x6' }), h264),
    'behind.wav': by(
      '-f',
      'lavfi',
      '-i',
      'aevalsrc=sin(2*PI*200*t)|sin(2*PI*300*t):c=BL+BR:s=48000:d=2',
      '-c:a',
      'pcm_s16le',
    ),
    'timecode.mov': by(picture(), h264, '-timecode', '01:00:00:00'),
  })
})
test.after(async () => bench[Symbol.asyncDispose]())

async function make(name: string, options: Parameters<typeof transcode>[0] = {}) {
  const ran = await bench.run(await files(name), [transcode({ preset: 'ultrafast', ...options }), upload()])
  if (!ran.ok) throw new Error(`${ran.code}: ${ran.message}\n${ran.stderr.join('\n')}`)
  return { ...ran, made: await measure(ran.outputs[0]?.path ?? '') }
}

for (const name of ['mono-then-stereo.mp3', 'stereo-then-mono.aac']) {
  const add = name.endsWith('mp3') ? test : test.exhaustive
  add(`${name}: all of it, in order`, async () => {
    const { made } = await make(name)
    assert.equal(findTimeFlaws(made), [])
    assert.ok(Math.abs(Number(made.format.duration) - 4) < 0.2, `lasts ${made.format.duration} s`)
  })
}

for (const name of ['clock-back.ts', 'clock-ahead.ts']) {
  const add = name === 'clock-back.ts' ? test : test.exhaustive
  add(`${name}: a clock that jumps announces nothing`, async () => {
    const { made } = await make(name)
    const [picture, heard] = ['video', 'audio'].map((kind) => spanOf(made, streamOf(made, kind)?.index ?? -1))
    assert.is(picture?.count, 100)
    assert.ok(
      Math.abs((picture?.end ?? 0) - (heard?.end ?? 9)) < 0.2,
      `${picture?.end} s of picture, ${heard?.end} s of sound`,
    )
  })
}

for (const [codec, container] of [
  ['h264', 'mp4'],
  ['h264', 'mkv'],
  ['vp9', 'webm'],
] as const) {
  const add = container === 'mp4' ? test : test.exhaustive
  add(`Opus beside ${codec} in ${container}: every sample of it can be heard`, async () => {
    const preset = codec === 'vp9' ? 5 : 'ultrafast'
    const { outputs } = await make('film.mp4', {
      codec,
      preset,
      audio: { codec: 'opus' },
      key: `c_{name}.${container}`,
    })
    const wav = join(bench.folder, 'heard.wav')
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
    assert.ok(Math.abs(seconds - 4) < 0.1, `${seconds.toFixed(2)} s of sound are left of 4`)
  })
}

test.exhaustive('a film with a palette has its colours in the thumbnail', async () => {
  const ran = await bench.run(await files('palette.avi'), [thumbnail({ format: 'png' }), upload()])
  assert.ok(ran.ok)
  const [red = 0, green = 255] = await readColour(ran.outputs[0]?.path ?? '', { x: 0.5, y: 0.5, size: 0.1 })
  assert.ok(red > 200 && green < 60, `${red}, ${green}`)
})

test('sound beyond full scale is made as loud as is asked for', async () => {
  const { warnings } = await make('loud.wav', { loudness: { target: -16 } })
  assert.equal(warnings, [])
})

test.exhaustive('pixels of a shape that nobody believes are no change of shape', async () => {
  const { warnings } = await make('long-pixels.mkv')
  assert.equal(warnings, [])
})

for (const copy of ['auto', 'never'] as const) {
  const add = copy === 'never' ? test : test.exhaustive
  add(`a picture too small for half-pictures is a picture, copy: '${copy}'`, async () => {
    const { made } = await make('small.mp4', { copy })
    assert.equal([made.streams[0]?.width, made.streams[0]?.height], [8, 6])
  })
}

test.exhaustive('two channels that are not left and right are heard', async () => {
  const { made } = await make('behind.wav')
  assert.is(made.streams[0]?.channels, 2)
})

test.exhaustive('a timecode that is kept makes no track of data', async () => {
  const { made } = await make('timecode.mov', { metadata: 'keep' })
  assert.equal(
    made.streams.map(({ codec_type }) => codec_type),
    ['video'],
  )
})
