import { execFile } from 'node:child_process'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import type { MediadError } from '../../daemon/index.ts'
import { transcode } from '../../plugins/index.ts'
import { withRun } from '../helpers/context.ts'
import { ffmpeg, probeFile } from '../helpers/media.ts'
import { mastered, x265 } from '../helpers/hdr.ts'
import { suite } from '../helpers/suite.ts'

const run = promisify(execFile)
const test = suite('transcode options')

/** Rewrites an mp4 with its index at the front, and truncates it to half its size. */
async function truncateToHalf(path: string): Promise<void> {
  await ffmpeg(['-i', path, '-c', 'copy', '-movflags', '+faststart', `${path}.mp4`])
  const complete = await readFile(`${path}.mp4`)
  await writeFile(path, complete)
  await truncate(path, Math.floor(complete.length / 2))
}

test.exhaustive('rejects a truncated source, or transcodes what is there and warns', async () => {
  const half = { video: { seconds: 8 }, change: truncateToHalf }
  const error = await withRun({ plugin: transcode({ preset: 'ultrafast' }), ...half }, () => undefined).then(
    () => null,
    (thrown: unknown) => thrown as MediadError,
  )
  assert.is(error?.code, 'input.truncated')
  const plugin = transcode({ preset: 'ultrafast', onCorrupt: 'warn' })
  await withRun({ plugin, ...half }, ({ context }) => {
    assert.is(context.artifacts.length, 1)
    assert.match(context.warnings.join(), 'of the 8.00 s that the file declares')
  })
})

test('copies streams that already match the options, packet for packet', () =>
  withRun({ plugin: transcode(), video: { seconds: 2 } }, async (result) => {
    assert.match(result.context.commands[0]?.outputs[0]?.options.join(' ') ?? '', '-c:v copy')
    const [before, after] = await Promise.all([
      hashPackets(result.context.input),
      hashPackets(result.context.artifacts[0]?.path ?? ''),
    ])
    assert.is(after, before)
    assert.equal(result.context.artifacts[0]?.copied, ['video', 'audio'])
  }))

test.exhaustive('normalizes loudness to the target in two passes', () =>
  withRun(
    { plugin: transcode({ preset: 'ultrafast', loudness: { target: -16 } }), video: { seconds: 4 } },
    async (result) => {
      const measured = await measureLoudness(result.context.artifacts[0]?.path ?? '')
      assert.ok(Math.abs(measured + 16) <= 0.5, `${measured} LUFS`)
    },
  ),
)

test.exhaustive('extracts subtitles to separate files', () =>
  withRun(
    {
      plugin: transcode({ preset: 'ultrafast', subtitles: 'webvtt', subtitlesKey: 'sub_{name}_{n}_{language}.vtt' }),
      name: 'source.mkv',
      change: addSubtitles,
    },
    async ({ context }) => {
      const [, text] = context.artifacts
      assert.equal([text?.kind, text?.key, context.artifacts.length], ['subtitles', 'sub_video_1_deu.vtt', 2])
      assert.match(await readFile(text?.path ?? '', 'utf8'), /^WEBVTT\n\n00:00\.100 --> 00:00\.900\nhallo\n/)
    },
  ),
)

test.exhaustive('crops to a box, keeps HDR, and keeps metadata', async () => {
  const boxed = transcode({ preset: 'ultrafast', maxWidth: 64, maxHeight: 64, fit: 'cover' })
  await withRun({ plugin: boxed, video: { audio: false } }, async ({ context }) => {
    const { streams } = await probeFile(context.artifacts[0]?.path ?? '')
    assert.equal([streams[0]?.width, streams[0]?.height], [64, 64])
  })
  const hdr = transcode({ codec: 'hevc', preset: 'ultrafast', hdr: 'keep' })
  await withRun({ plugin: hdr, video: { audio: false }, change: makeHdr }, async ({ context }) => {
    const [stream] = (await probeFile(context.artifacts[0]?.path ?? '')).streams
    assert.equal([stream?.pix_fmt, stream?.color_transfer, stream?.profile], ['yuv420p10le', 'smpte2084', 'Main 10'])
    assert.equal((await context.inspect(context.artifacts[0]?.path ?? '')).video?.mastering?.light, {
      max: 1000,
      average: 400,
    })
  })
  for (const [metadata, title] of [
    ['drop', undefined],
    ['keep', 'secret'],
  ] as const) {
    const plugin = transcode({ preset: 'ultrafast', metadata })
    await withRun({ plugin, change: addTitle }, async ({ context }) => {
      assert.is((await probeFile(context.artifacts[0]?.path ?? '')).format.tags?.title, title)
    })
  }
})

/** Hashes the packets of a file, independent of its container. */
async function hashPackets(path: string): Promise<string> {
  const { stdout } = await run('ffmpeg', [
    '-v',
    'error',
    '-i',
    path,
    '-map',
    '0',
    '-c',
    'copy',
    '-f',
    'streamhash',
    '-',
  ])
  return stdout
}

/** Returns the integrated loudness in LUFS, from the summary that ffmpeg prints at the end. */
async function measureLoudness(path: string): Promise<number> {
  const { stderr } = await run('ffmpeg', ['-hide_banner', '-i', path, '-vn', '-af', 'ebur128', '-f', 'null', '-'])
  return Number(
    stderr
      .split('Integrated loudness:')
      .at(-1)
      ?.match(/I:\s+(-?[\d.]+) LUFS/)?.[1],
  )
}

async function addSubtitles(path: string): Promise<void> {
  await writeFile(`${path}.srt`, '1\n00:00:00,100 --> 00:00:00,900\nhallo\n\n')
  const language = ['-metadata:s:s:0', 'language=deu']
  await ffmpeg([
    '-i',
    path,
    '-i',
    `${path}.srt`,
    '-map',
    '0',
    '-map',
    '1',
    '-c',
    'copy',
    '-c:s',
    'ass',
    ...language,
    `${path}.mkv`,
  ])
  await writeFile(path, await readFile(`${path}.mkv`))
}

async function addTitle(path: string): Promise<void> {
  await ffmpeg(['-i', path, '-c', 'copy', '-metadata', 'title=secret', `${path}.mp4`])
  await writeFile(path, await readFile(`${path}.mp4`))
}

/** Converts the file to 10-bit PQ with mastering display metadata. */
async function makeHdr(path: string): Promise<void> {
  await ffmpeg(['-i', path, ...x265('smpte2084', mastered).flat(), `${path}.mp4`])
  await writeFile(path, await readFile(`${path}.mp4`))
}
