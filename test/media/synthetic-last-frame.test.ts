import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { transcode, upload } from '../../plugins/index.ts'
import { openFileBench } from '../helpers/run-file.ts'
import { byRelease } from '../helpers/ffmpeg-version.ts'
import { suite } from '../helpers/suite.ts'
import { measure, spanOf, streamOf } from './measure.ts'
import { addRows } from './rows.ts'
import { longLastFrame } from './synthetic/mid-stream.ts'
import { createFiles } from './synthetic/files.ts'
import { video } from './table.ts'

/** Expected durations in seconds. */
const durations: Readonly<Record<string, number>> = {
  'screen-recording.mp4': 5,
  'screen-recording.mov': 5,
  'short-audio.mp4': 4,
  'single-frame.mp4': 3,
  'final-delay.gif': 4.9,
  'wrong-duration.mp4': 2,
}

for (const transcode of [{}, { copy: 'never' }, { copy: 'never', preset: 'fast' }] as const) {
  addRows(
    suite(`long last frame, ${JSON.stringify(transcode)}`, {
      exhaustive: !('copy' in transcode) || 'preset' in transcode,
    }),
    {
      makers: longLastFrame,
      quick: ['short-audio.mp4'],
      rows: Object.fromEntries(
        Object.entries(durations).map(([name, seconds]) => {
          const audio = ['short-audio.mp4', 'wrong-duration.mp4'].includes(name)
          return [name, { ...video(160, 90, { audio, ssim: 0.9, duration: [0, seconds + 0.05] }), transcode }]
        }),
      ),
      async also({ name, path, result }) {
        const [output, source] = await Promise.all([measure(result?.outputs[0]?.path ?? ''), measure(path)])
        const seconds = Number(output.format.duration)
        assert.ok(Math.abs(seconds - (durations[name] ?? 0)) <= 0.05, `duration is ${seconds} s`)
        const [outputSpan, sourceSpan] = [output, source].map((file) =>
          spanOf(file, streamOf(file, 'video')?.index ?? 0),
        )
        assert.is(outputSpan?.count, sourceSpan?.count, 'frames')
      },
    },
  )
}

const test = suite('long last frame, limits')

test.exhaustive(
  'does not extend the last frame in containers that drop its duration, or beyond the duration limit',
  async () => {
    await using bench = await openFileBench()
    const path = await createFiles(join(bench.folder, 'sources'), longLastFrame)('screen-recording.mp4')
    for (const key of ['c_{name}.mkv', 'c_{name}.mp4']) {
      const result = await bench.run(path, [transcode({ preset: 'ultrafast', key }), upload()], {
        durationSeconds: 2.5,
      })
      // ffmpeg 9 counts the last frame with its duration in the source: the limit is exceeded while it runs
      assert.is(result.ok ? null : result.code, byRelease({ '5.1': null, '9.0': 'resource.limit' }))
      if (!result.ok) continue
      const { format } = await measure(result.outputs[0]?.path ?? '')
      assert.ok(Number(format.duration) < 3, `duration of ${key} is ${format.duration} s`)
      assert.match(result.warnings.join(), 'the video lasts')
    }
  },
)
