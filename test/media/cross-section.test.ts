/**
 * One file for each branch of the code that builds ffmpeg options, for the run with another version of ffmpeg
 * (.ci/cross-section). It finds options, encoders and filters that a version lacks. With the system's version, the other media
 * tests cover more than this.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { thumbnail, transcode, upload } from '../../plugins/index.ts'
import { readColour } from '../helpers/media.ts'
import { openFileBench, type FileBench, type Succeeded } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure, readCombing, readLoudness, readSsim, streamOf } from './measure.ts'
import { addRows } from './rows.ts'
import { longLastFrame, resized } from './synthetic/mid-stream.ts'
import { corrupt, halves } from './synthetic/corrupt.ts'
import { aac, encode, createFiles, h264, videoInput, plainVideo, audioInput, type Makers } from './synthetic/files.ts'
import { transparent, pixelFormats, oriented, interlaced, geometries } from './synthetic/video.ts'
import { highDynamicRange } from './synthetic/hdr.ts'
import { frameRates } from './synthetic/timestamps.ts'
import { withMetadata, subtitled } from './synthetic/tracks.ts'
import { video, rejected, audioOnly, type Row } from './table.ts'

const short = { seconds: 1 }

const makers: Makers = {
  ...transparent,
  ...corrupt,
  ...pixelFormats,
  ...halves,
  ...oriented,
  ...interlaced,
  ...withMetadata,
  ...longLastFrame,
  ...highDynamicRange,
  ...resized,
  ...frameRates,
  ...geometries,
  ...subtitled,
  'plain.mp4': plainVideo(short),
  'fast.mp4': encode(videoInput({ seconds: 0.5, fps: 120 }), h264),
  'wide.mkv': encode(videoInput({ seconds: 0.4, size: '320x180' }), h264),
  'tone.mp3': encode(audioInput(short), '-c:a', 'libmp3lame'),
  'quiet.m4a': encode(audioInput({ seconds: 4 }), '-af', 'volume=-30dB', aac),
  'surround.mkv': encode(videoInput(short), audioInput(short), h264, '-ac', '6', '-c:a', 'ac3'),
}

const never = { copy: 'never' } as const
const silent = { audio: false }
const rows: Readonly<Record<string, Row>> = {
  'plain.mp4': { ...video(160, 90, { ssim: 0.97 }), transcode: never },
  'orientation-6.mp4': video(96, 160, { ...silent, ssim: 0.97 }),
  'wide-pixels.mp4': video(256, 144, { ...silent, ssim: 0.97 }),
  'odd-161x121.mp4': video(160, 120, {
    ...silent,
    ssim: 0.97,
    lumaOnly: true,
    reference: ['crop=160:120:0:0:exact=1'],
  }),
  'full-range.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
  'rgb.mkv': video(160, 90, { ...silent, ssim: 0.92 }),
  '422-10bit.mp4': video(160, 90, { ...silent, ssim: 0.97 }),
  'tff-h264.mp4': video(320, 192, { ...silent, ssim: 0.9, reference: ['yadif'] }),
  'alpha-qtrle.mov': video(160, 90, silent),
  'alpha.webm': video(160, 90, silent),
  'hdr10.mp4': video(256, 144, { ...silent, warnings: [/HDR: it was tone-mapped/] }),
  'constant-luminance.mp4': video(256, 144, { ...silent, warnings: [/HDR: it was tone-mapped/] }),
  'portrait-later.mp4': video(320, 240, { warnings: [/aspect ratio changes mid-stream/] }),
  'screen-recording.mp4': video(160, 90, { ...silent, ssim: 0.9, duration: [0, 5.05] }),
  '1000-fps.mp4': video(64, 48),
  'tone.mp3': audioOnly(),
  'surround.mkv': { ...video(160, 90, { ssim: 0.97 }), transcode: never },
  'bit-flips.mp4': rejected('input.corrupt'),
  'half-faststart.mp4': rejected('input.truncated'),
}

addRows(suite('cross-section: files', { exhaustive: 'named' }), {
  makers: Object.fromEntries(
    Object.keys(rows).map((name) => [name, makers[name] ?? (() => Promise.reject(new Error(name)))]),
  ),
  rows,
  async also({ name, path: source, result }) {
    const [{ path = '' } = {}, { path: image = '' } = {}] = result?.outputs ?? []
    if (name === 'screen-recording.mp4') await checkLastFrame(path, await readDuration(source))
    if (name === 'tff-h264.mp4') assert.ok((await readCombing(path)) < 1, 'frames have no combing')
    if (name.startsWith('alpha')) for (const output of [path, image]) await checkBlackBackground(output)
    if (name !== 'hdr10.mp4' && name !== 'constant-luminance.mp4') return
    for (const output of [path, image]) {
      const [dark, bright] = await Promise.all([0, 0.6].map((x) => readColour(output, { x, y: 0.1, size: 0.1 })))
      assert.ok(
        (dark?.[0] ?? 255) < 40 && (bright?.[0] ?? 0) > 100,
        `from dark to bright: ${dark?.join()} ${bright?.join()}`,
      )
    }
  },
})

const readDuration = async (path: string) => Number((await measure(path)).format.duration)

/** The duration of the source depends on the version of ffprobe: 5 s in its header, 4.8 s in its track. */
async function checkLastFrame(path: string, expected: number): Promise<void> {
  const seconds = await readDuration(path)
  assert.ok(expected > 4.7 && Math.abs(seconds - expected) <= 0.05, `duration is ${seconds} s, expected ${expected} s`)
}

async function checkBlackBackground(path: string): Promise<void> {
  const [red = 0, green = 255] = await readColour(path, { x: 0.1, y: 0.4, size: 0.2 })
  assert.ok(red > 200 && green < 60, `the opaque part of ${path} is red`)
  assert.ok(
    Math.max(...(await readColour(path, { x: 0.7, y: 0.4, size: 0.2 }))) < 40,
    `the transparent part of ${path} is black`,
  )
}

const test = suite('cross-section: options', { exhaustive: 'named' })

let bench: FileBench
let files: (name: string) => Promise<string>
test.before(async () => {
  bench = await openFileBench()
  files = createFiles(join(bench.folder, 'sources'), makers)
})
test.after(async () => bench[Symbol.asyncDispose]())

async function make(name: string, ...plugins: Parameters<FileBench['run']>[1][number][]): Promise<Succeeded> {
  for (const { problems } of plugins) assert.equal(problems, [])
  const result = await bench.run(await files(name), [...plugins, upload()])
  if (!result.ok) throw new Error(`${result.code}: ${result.message}\n${result.stderr.join('\n')}`)
  return result
}

const pathOf = ({ outputs }: Succeeded, index = 0) => outputs[index]?.path ?? ''

const codecs = [
  [{ codec: 'h264', preset: 'superfast', threads: 1 }, ['h264', 'High', 'avc1', 'aac']],
  [{ codec: 'hevc', preset: 'ultrafast', threads: 1 }, ['hevc', 'Main', 'hvc1', 'aac']],
  [{ codec: 'av1', preset: 12, threads: 1 }, ['av1', 'Main', 'av01', 'aac']],
  [{ codec: 'vp9', preset: 5, threads: 1 }, ['vp9', 'Profile 0', 'vp09', 'aac']],
  [{ codec: 'av1', preset: 12, key: '{name}.webm' }, ['av1', 'Main', '[0][0][0][0]', 'opus']],
  [{ codec: 'vp9', preset: 5, key: '{name}.webm' }, ['vp9', 'Profile 0', '[0][0][0][0]', 'opus']],
  [
    { codec: 'h264', preset: 'superfast', key: '{name}.mkv', audio: { codec: 'opus' } },
    ['h264', 'High', '[0][0][0][0]', 'opus'],
  ],
] as const

for (const [options, [codec, profile, tag, audioCodec]] of codecs) {
  test(`${codec} and ${audioCodec} in ${'key' in options ? options.key : 'mp4'}`, async () => {
    const output = pathOf(await make('plain.mp4', transcode({ ...options, ...never, crf: 15 })))
    const file = await measure(output)
    const [video, audio] = [streamOf(file, 'video'), streamOf(file, 'audio')]
    assert.equal([video?.codec_name, video?.profile, video?.codec_tag_string], [codec, profile, tag])
    assert.equal([video?.pix_fmt, audio?.codec_name, audio?.sample_rate], ['yuv420p', audioCodec, '48000'])
    assert.is(file.frames.filter(({ stream_index }) => stream_index === video?.index).length, 25)
    const comparison = { output, source: await files('plain.mp4'), filters: [], enough: 0.85 }
    const ssim = await readSsim(comparison)
    assert.ok(ssim >= 0.85, `SSIM is ${ssim}`)
  })
}

for (const options of [
  { codec: 'hevc', preset: 'ultrafast' },
  { codec: 'av1', preset: 12 },
] as const) {
  test(`keeps HDR in ${options.codec}`, async () => {
    const file = await measure(pathOf(await make('hdr10.mp4', transcode({ ...options, ...never, hdr: 'keep' }))))
    const { pix_fmt, color_transfer, color_primaries, color_space } = streamOf(file, 'video') ?? {}
    assert.equal(
      [pix_fmt, color_transfer, color_primaries, color_space],
      ['yuv420p10le', 'smpte2084', 'bt2020', 'bt2020nc'],
    )
  })
}

for (const [format, codec] of [
  ['jpg', 'mjpeg'],
  ['png', 'png'],
  ['webp', 'webp'],
] as const) {
  test(`makes thumbnails in ${format}, also for a time after the end`, async () => {
    const result = await make('orientation-6.mp4', thumbnail({ format, at: ['10%', 3600], width: 48 }))
    assert.is(result.outputs.length, 2)
    for (const { path } of result.outputs) {
      const image = streamOf(await measure(path), 'video')
      assert.equal([image?.codec_name, image?.width, image?.height], [codec, 48, 80])
      const corner = await readColour(path, { x: 0.1, y: 0.1, size: 0.2 })
      assert.equal(
        corner.map((value) => value > 128),
        [false, false, true],
        `${path}: the corner is blue, not ${corner.join()}`,
      )
    }
  })
}

for (const [fit, size] of [
  ['contain', '100x56'],
  ['cover', '100x100'],
  ['pad', '100x100'],
] as const) {
  test(`fit: ${fit}`, async () => {
    const output = pathOf(
      await make('wide.mkv', transcode({ preset: 'ultrafast', maxWidth: 100, maxHeight: 100, fit })),
    )
    const video = streamOf(await measure(output), 'video')
    assert.is(`${video?.width}x${video?.height}`, size)
    const top = await readColour(output, { x: 0.4, y: 0, size: 0.1 })
    assert.is(Math.max(...top) < 40, fit === 'pad', `at the top: ${top.join()}`)
  })
}

test('keeps a high frame rate', async () => {
  const { frames } = await measure(pathOf(await make('fast.mp4', transcode({ preset: 'ultrafast', ...never }))))
  assert.is(frames.length, 60)
})

test('normalizes loudness to the target', async () => {
  const loudness = await readLoudness(pathOf(await make('quiet.m4a', transcode({ loudness: { target: -16 } }))))
  assert.ok(Math.abs(loudness + 16) <= 1, `${loudness} LUFS`)
})

test('converts subtitles to WebVTT', async () => {
  const result = await make('srt.mkv', transcode({ preset: 'ultrafast', subtitles: 'webvtt' }))
  assert.match(await readFile(pathOf(result, 1), 'utf8'), /^WEBVTT\n[^]*Hello <i>there<\/i>/)
})

test('copies compatible streams without re-encoding', async () => {
  const [source, output] = await Promise.all([
    measure(await files('plain.mp4')),
    measure(pathOf(await make('plain.mp4', transcode()))),
  ])
  const sizesOf = ({ packets }: typeof source, index: number) =>
    packets.filter(({ stream_index }) => stream_index === index).map(({ sizeBytes }) => sizeBytes)
  for (const index of [0, 1]) assert.equal(sizesOf(output, index), sizesOf(source, index))
})

test('drops metadata, or keeps it on request', async () => {
  for (const metadata of ['drop', 'keep'] as const) {
    const file = await measure(pathOf(await make('location.mp4', transcode({ preset: 'ultrafast', metadata }))))
    assert.is(JSON.stringify(file.format.tags).includes('My House'), metadata === 'keep', metadata)
  }
})

test('accepts half a file on request, with a warning', async () => {
  const { warnings } = await make('half-faststart.mp4', transcode({ preset: 'ultrafast', onCorrupt: 'warn' }))
  assert.match(warnings.join('\n'), /of the 4\.00 s that the file declares/)
})
