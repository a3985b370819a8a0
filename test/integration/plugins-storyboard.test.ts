import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { storyboard } from '../../plugins/index.ts'
import { createTestContext, withRun } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { ffmpeg, makeAudio, probeFile, readColours, type Colour } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('plugins-storyboard')

const colours = ['red', 'lime', 'blue', 'white', 'black']

/** Returns the options for a video that shows each colour for `seconds`. */
const showing = (seconds: number, size = '320x180') =>
  colours.flatMap((colour) => ['-f', 'lavfi', '-i', `color=${colour}:size=${size}:rate=10:duration=${seconds}`])
const joined = ['-filter_complex', `concat=n=${colours.length}`, '-c:v', 'libx264', '-preset', 'ultrafast']

/** Names the colour in the centre of each frame of the image. */
async function readFrames(path: string, text: string): Promise<string[]> {
  const [image] = (await probeFile(path)).streams
  const [imageWidth = 1, imageHeight = 1] = [image?.width, image?.height]
  const parts = [...text.matchAll(/#xywh=(\d+),(\d+),(\d+),(\d+)/g)].map((match) => match.slice(1).map(Number))
  const regions = parts.map(([x = 0, y = 0, width = 0, height = 0]) => ({
    x: (x + width / 2) / imageWidth,
    y: (y + height / 2) / imageHeight,
    size: 0.06,
  }))
  return (await readColours(path, regions)).map(toName)
}

function toName([red, green, blue]: Colour): string {
  const bits = [red, green, blue].map((value) => (value > 128 ? 1 : 0)).join('')
  return { '100': 'red', '010': 'lime', '001': 'blue', '111': 'white', '000': 'black' }[bits] ?? bits
}

test('makes an image with the frame of each time, and a track that finds it', async () => {
  await using folder = await temporaryFolder()
  const input = join(folder.path, 'source.mp4')
  await ffmpeg([...showing(2), ...joined, input])
  const context = await createTestContext({ input, workspace: folder.path })
  await storyboard({ columns: 3, side: 80 }).hooks.run(context)
  const [image, track] = context.artifacts
  assert.equal(
    context.artifacts.map(({ key, kind, contentType }) => [key, kind, contentType]),
    [
      ['storyboard_video.jpg', 'storyboard-image', 'image/jpeg'],
      ['storyboard_video.vtt', 'storyboard', 'text/vtt'],
    ],
  )
  const text = await readFile(track?.path ?? '', 'utf8')
  assert.match(text, /00:00:02\.000 --> 00:00:04\.000\nstoryboard_video\.jpg#xywh=80,0,80,44\n/)
  assert.equal(await readFrames(image?.path ?? '', text), colours)
  const [stream] = (await probeFile(image?.path ?? '')).streams
  assert.equal([stream?.width, stream?.height], [240, 88])
  assert.ok(context.fractions.every((fraction, n) => fraction >= (context.fractions[n - 1] ?? 0)))
})

test.exhaustive('takes frames that are far apart from the keyframes', async () => {
  await using folder = await temporaryFolder()
  const input = join(folder.path, 'source.mkv')
  await ffmpeg([...showing(10), ...joined, '-g', '50', input])
  const context = await createTestContext({ input, workspace: folder.path })
  await storyboard({ maxFrames: 5, side: 64 }).hooks.run(context)
  assert.ok(context.commands[0]?.inputOptions?.includes('nokey'))
  const [image, track] = context.artifacts
  const text = await readFile(track?.path ?? '', 'utf8')
  assert.match(text, '00:00:40.000 --> 00:00:50.000')
  assert.equal(await readFrames(image?.path ?? '', text), colours)
})

test.exhaustive('keeps the frames of a video whose size changes', async () => {
  await using folder = await temporaryFolder()
  const parts = [join(folder.path, 'a.ts'), join(folder.path, 'b.ts')]
  const [first = '', second = ''] = parts
  await ffmpeg([...showing(2).slice(0, 8), '-filter_complex', 'concat=n=2', '-c:v', 'libx264', first])
  await ffmpeg(['-f', 'lavfi', '-i', 'color=blue:size=160x160:rate=10:duration=4', '-c:v', 'libx264', second])
  const input = join(folder.path, 'source.ts')
  await ffmpeg(['-i', `concat:${parts.join('|')}`, '-c', 'copy', input])
  const context = await createTestContext({ input, workspace: folder.path })
  await storyboard().hooks.run(context)
  const text = await readFile(context.artifacts[1]?.path ?? '', 'utf8')
  assert.equal((await readFrames(context.artifacts[0]?.path ?? '', text)).slice(0, 4), ['red', 'lime', 'blue', 'blue'])
})

test.exhaustive('a video of one frame gets an image of one frame', () =>
  withRun({ plugin: storyboard(), video: { seconds: 0.04, audio: false } }, async ({ context }) => {
    assert.is((await probeFile(context.artifacts[0]?.path ?? '')).streams[0]?.width, 160)
  }),
)

test.exhaustive('skips a source without video', async () => {
  await using folder = await temporaryFolder()
  const input = join(folder.path, 'source.m4a')
  await makeAudio(input)
  const context = await createTestContext({ input, workspace: folder.path })
  await storyboard().hooks.run(context)
  assert.equal([context.artifacts, context.skips], [[], ['the source has no video']])
})
