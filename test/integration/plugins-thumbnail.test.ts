import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { thumbnail, upload } from '../../plugins/index.ts'
import { createTestContext, withRun } from '../helpers/context.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeVideo, probeFile } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('plugins-thumbnail')

for (const format of ['jpg', 'png', 'webp'] as const) {
  const add = format === 'jpg' ? test : test.exhaustive
  add(`creates a ${format} with the display orientation applied, not wider than the limit`, () =>
    withRun(
      { plugin: thumbnail({ format, width: 90 }), video: { width: 320, height: 180, rotate: 90 } },
      async (result) => {
        const [artifact] = result.context.artifacts
        assert.equal([artifact?.key, artifact?.kind], [`thumb_video.${format}`, 'thumbnail'])
        const [image] = (await probeFile(artifact?.path ?? '')).streams
        assert.equal([image?.codec_name, image?.width, image?.height], [format === 'jpg' ? 'mjpeg' : format, 90, 160])
        assert.is((await result.context.inspect(artifact?.path ?? '')).video?.width, 90)
      },
    ),
  )
}

test.exhaustive('creates several thumbnails, also beyond the end, without enlarging', () =>
  withRun({ plugin: thumbnail({ at: [0, '50%', '100%', 3600], width: 4000 }) }, async ({ context }) => {
    assert.equal(
      context.artifacts.map(({ key }) => key),
      [1, 2, 3, 4].map((n) => `thumb_video_${n}.jpg`),
    )
    assert.equal(context.fractions, [0.25, 0.5, 0.75, 1])
    for (const { path } of context.artifacts) assert.is((await probeFile(path)).streams[0]?.width, 160)
  }),
)

test.exhaustive('creates a thumbnail of a video that is much shorter than its header states', async () => {
  await using temporary = await temporaryFolder()
  const input = join(temporary.path, 'source.mp4')
  await makeVideo(input)
  const context = await createTestContext({ input, workspace: temporary.path })
  const { video } = context.probe
  const longer = {
    ...context,
    probe: { ...context.probe, durationSeconds: 3600, video: video && { ...video, durationSeconds: 3600 } },
  }
  await thumbnail({ at: '50%' }).hooks.run(longer)
  assert.is(context.artifacts.length, 1)
  assert.ok(context.commands.length > 1, 'a second command ran')
})

test('upload sends every artifact in order, and reports progress by size', () =>
  withRun({ plugin: thumbnail({ at: [0, 0.5], format: 'png' }) }, async ({ context }) => {
    await upload({ overwrite: 'always' }).hooks.run(context)
    assert.equal(context.uploads, [
      { key: 'thumb_video_1.png', overwrite: 'always' },
      { key: 'thumb_video_2.png', overwrite: 'always' },
    ])
    const [one = 0, two = 0] = context.artifacts.map(({ sizeBytes }) => sizeBytes)
    const steps = [one / 2, one, one + two / 2, one + two].map((bytes) => bytes / (one + two))
    assert.equal(context.fractions.slice(-4), steps)
    await upload().hooks.run(context)
    assert.is(context.uploads.at(-1)?.overwrite, 'own')
  }))
