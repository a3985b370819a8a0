import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { MediadError } from '../../daemon/index.ts'
import { thumbnail, transcode } from '../../plugins/index.ts'
import { createTestContext, withRun, type PluginRun } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { hdr, x265 } from '../helpers/hdr.ts'
import { ffmpeg, makeAudio, makeVideo, probeFile, readColour, type ProbedFile } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('plugins')

async function probeFirst({ context }: PluginRun): Promise<ProbedFile> {
  const [artifact] = context.artifacts
  assert.ok(artifact, 'the plugin adds an artifact')
  return probeFile(artifact.path)
}

const streamOf = (file: ProbedFile, type: string) => file.streams.find(({ codec_type }) => codec_type === type)
const hasRotation = (file: ProbedFile) =>
  file.streams.some(({ tags, side_data_list }) => tags?.rotate ?? side_data_list?.some(({ rotation }) => rotation))

const targets = [
  { codec: 'h264', key: '{name}.mp4', video: 'h264', audio: 'aac', contentType: 'video/mp4' },
  { codec: 'hevc', key: '{name}.mp4', video: 'hevc', audio: 'aac', contentType: 'video/mp4' },
  { codec: 'av1', key: '{name}.webm', video: 'av1', audio: 'opus', contentType: 'video/webm' },
  { codec: 'vp9', key: '{name}.mkv', video: 'vp9', audio: 'aac', contentType: 'video/x-matroska' },
] as const

for (const { codec, key, video, audio, contentType } of targets) {
  const add = codec === 'h264' ? test : test.exhaustive
  add(`transcodes to ${codec} in ${key}`, () =>
    withRun({ plugin: transcode({ codec, key }), video: { seconds: 1, width: 128, height: 72 } }, async (result) => {
      const [artifact] = result.context.artifacts
      assert.is(artifact?.kind, 'video')
      assert.is(artifact?.contentType, contentType)
      const file = await probeFirst(result)
      assert.is(streamOf(file, 'video')?.codec_name, video)
      assert.is(streamOf(file, 'video')?.pix_fmt, 'yuv420p')
      assert.is(streamOf(file, 'audio')?.codec_name, audio)
      assert.ok(Math.abs(Number(file.format.duration) - 1) < 0.2, `lasts ${file.format.duration} s`)
      assert.is(result.context.fractions.at(-1), 1)
      if (codec === 'hevc') assert.is(streamOf(file, 'video')?.codec_tag_string, 'hvc1')
    }),
  )
}

for (const rotate of [90, 180, 270] as const) {
  test.exhaustive(`applies the rotation of a video by ${rotate} degrees to its frames`, () =>
    withRun(
      { plugin: transcode(), video: { width: 320, height: 180, codec: 'hevc', rotate, audio: false } },
      async (result) => {
        assert.is(result.context.probe.video?.rotation, rotate)
        const file = await probeFirst(result)
        const size = `${file.streams[0]?.width}x${file.streams[0]?.height}`
        assert.is(size, rotate === 180 ? '320x180' : '180x320')
        assert.not(hasRotation(file), 'the output has no rotation')
        // the left edge of the source is red: a clockwise rotation by 90 degrees moves it to the top
        const edge = { 90: { x: 0.6, y: 0 }, 180: { x: 0.9, y: 0.4 }, 270: { x: 0.4, y: 0.9 } }[rotate]
        const [red, green, blue] = await readColour(result.context.artifacts[0]?.path ?? '', { ...edge, size: 0.1 })
        assert.ok(red > 180 && green < 90 && blue < 90, `red edge is ${[red, green, blue].join(', ')}`)
      },
    ),
  )
}

test.exhaustive('converts odd dimensions to an ordinary file, keeps chapters and drops tags', () =>
  withRun(
    {
      plugin: transcode({ preset: 'ultrafast' }),
      video: { width: 161, height: 121 },
      name: 'source.mkv',
      change: async (path) => {
        const chapters = ';FFMETADATA1\ntitle=secret\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=one\n'
        await writeFile(`${path}.txt`, chapters)
        await ffmpeg(['-i', path, '-i', `${path}.txt`, '-map_metadata', '1', '-c', 'copy', `${path}.new.mkv`])
        await writeFile(path, await readFile(`${path}.new.mkv`))
      },
    },
    async (result) => {
      const file = await probeFirst(result)
      const video = streamOf(file, 'video')
      assert.equal([video?.width, video?.height, video?.pix_fmt], [160, 120, 'yuv420p'])
      assert.is(video?.sample_aspect_ratio, '1:1')
      assert.is(file.chapters.length, 1)
      assert.is(file.format.tags?.title, undefined)
    },
  ),
)

test.exhaustive('converts HDR to SDR', () =>
  withRun(
    {
      plugin: transcode({ preset: 'ultrafast' }),
      video: { audio: false },
      change: async (path) => {
        await ffmpeg(['-i', path, ...x265('smpte2084').flat(), ...hdr('smpte2084'), `${path}.mp4`])
        await writeFile(path, await readFile(`${path}.mp4`))
      },
    },
    async (result) => {
      assert.is(result.context.probe.video?.transfer, 'smpte2084')
      assert.is(streamOf(await probeFirst(result), 'video')?.color_transfer, 'bt709')
    },
  ),
)

test('copies audio that matches the options, and converts other audio to stereo at 48 kHz', async () => {
  await withRun({ plugin: transcode({ preset: 'ultrafast' }) }, ({ context }) => {
    assert.match(context.commands[0]?.outputs[0]?.options.join(' ') ?? '', '-c:a copy')
  })
  const surround = {
    plugin: transcode({ preset: 'ultrafast' }),
    name: 'source.mkv',
    video: { audio: false },
    change: addSurround,
  }
  await withRun(surround, async (result) => {
    const audio = streamOf(await probeFirst(result), 'audio')
    assert.equal([audio?.codec_name, audio?.channels, audio?.sample_rate], ['aac', 2, '48000'])
  })
})

test.exhaustive('adds no audio to a video without audio', () =>
  withRun({ plugin: transcode({ preset: 'ultrafast' }), video: { audio: false } }, async (result) => {
    assert.equal(
      (await probeFirst(result)).streams.map(({ codec_type }) => codec_type),
      ['video'],
    )
  }),
)

test('transcodes an audio file to an audio file, without a thumbnail', async () => {
  await using temporary = await temporaryFolder()
  const input = join(temporary.path, 'source.mp3')
  await makeAudio(input)
  const context = await createTestContext({ input, workspace: temporary.path })
  await transcode().hooks.run(context)
  await thumbnail().hooks.run(context)
  assert.equal(
    context.artifacts.map(({ kind, contentType, key }) => [kind, contentType, key]),
    [['audio', 'audio/mp4', 'cvted_video.mp4']],
  )
  assert.equal(context.skips, ['the source has no video'])
})

test.exhaustive('an abort ends ffmpeg', async () => {
  await using temporary = await temporaryFolder()
  const input = join(temporary.path, 'source.mp4')
  await makeVideo(input, { seconds: 20, width: 640, height: 360 })
  const controller = new AbortController()
  const context = await createTestContext({ input, workspace: temporary.path, signal: controller.signal })
  const running = transcode({ preset: 'veryslow', codec: 'hevc' }).hooks.run(context)
  controller.abort(new Error('lost'))
  assert.is(
    await Promise.resolve(running).then(
      () => '',
      (error: MediadError) => error.message,
    ),
    'lost',
  )
  assert.is(context.artifacts.length, 0)
})

/** Adds an audio track with six channels of noise. */
async function addSurround(path: string): Promise<void> {
  const surround = ['-f', 'lavfi', '-i', 'anoisesrc=d=1', '-ac', '6', '-c:a', 'flac', '-c:v', 'copy']
  await ffmpeg(['-i', path, ...surround, `${path}.mkv`])
  await writeFile(path, await readFile(`${path}.mkv`))
}
