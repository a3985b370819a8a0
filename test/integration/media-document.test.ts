import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { runInParallel } from '../helpers/parallel.ts'
import { startFleet } from '../helpers/fleet.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { makeAudio, tinyVideo } from '../helpers/media.ts'
import { suite } from '../helpers/suite.ts'

const test = runInParallel(suite('media in a job document'))

const chain = "[transcode({ preset: 'ultrafast' }), thumbnail(), upload()]"

test('contains the media summary of the source, skipped plugins with the reason, and timings', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'tone.m4a')
  await makeAudio(path)
  await using fleet = await startFleet({ chain })
  await fleet.cloud.put('origin_tone.m4a', await readFile(path))
  const { state, media, outputs, timings, warnings } = await fleet.waitUntilFinished('origin_tone.m4a')
  assert.is(state, 'succeeded')
  assert.equal([media?.codec, media?.channels, media?.sampleRate, media?.streams], ['aac', 1, 44_100, 1])
  assert.equal(
    outputs.map(({ kind }) => kind),
    ['audio'],
  )
  assert.equal(
    timings.plugins.map(({ plugin, skipped }) => [plugin, skipped]),
    [
      ['transcode', undefined],
      ['thumbnail', 'the source has no video'],
      ['upload', undefined],
    ],
  )
  for (const { seconds, cpuSeconds } of timings.plugins) assert.ok(seconds >= 0 && cpuSeconds >= 0)
  assert.is(warnings, undefined)
})

test.exhaustive('has the error code of a source that is not media or is too large, after one attempt', async () => {
  const video = await tinyVideo()
  await using fleet = await startFleet({ chain, more: `limits: { sourceBytes: ${video.length - 1} },` })
  await fleet.cloud.put('origin_text.mp4', Buffer.from('hello, I am a text\n'.repeat(50)))
  await fleet.cloud.put('origin_video.mp4', video)
  const text = await fleet.waitUntilFinished('origin_text.mp4')
  assert.equal([text.state, text.attempt, text.error?.code], ['dead', 1, 'input.not_media'])
  assert.ok((text.error?.stderr ?? []).length > 0, 'has the last lines of ffprobe')
  const large = await fleet.waitUntilFinished('origin_video.mp4')
  assert.equal([large.state, large.attempt, large.error?.code], ['dead', 1, 'input.too_large'])
  assert.is(large.media, undefined)
})

test.exhaustive('keeps the media summary and the timings of a failed attempt', async () => {
  const video = await tinyVideo()
  await using fleet = await startFleet({
    chain: "[transcode({ preset: 'ultrafast', copy: 'never' }), upload()]",
    more: 'limits: { frames: 5 }, ',
  })
  await fleet.cloud.put('origin_video.mp4', video)
  const { state, media, error, timings } = await fleet.waitUntilFinished('origin_video.mp4')
  assert.equal([state, error?.code, error?.plugin], ['dead', 'resource.limit', 'transcode'])
  assert.is(media?.width, 160)
  assert.equal(
    timings.plugins.map(({ plugin }) => plugin),
    ['transcode'],
  )
})
