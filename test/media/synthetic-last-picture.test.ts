import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { transcode, upload } from '../../plugins/index.ts'
import { byRelease } from '../helpers/ffmpeg-version.ts'
import { openFileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure, spanOf, streamOf } from './measure.ts'
import { addRows } from './rows.ts'
import { lasting } from './synthetic/changes.ts'
import { createFiles } from './synthetic/files.ts'
import { film } from './table.ts'

/** In seconds. */
const lengths: Readonly<Record<string, number>> = {
  'screen.mp4': 5,
  'screen.mov': 5,
  'short-sound.mp4': 4,
  'one-picture.mp4': 3,
  'stops.gif': 4.9,
  'liar.mp4': 2,
}

for (const transcode of [{}, { copy: 'never' }, { copy: 'never', preset: 'fast' }] as const) {
  addRows(suite(`a last picture that lasts, ${JSON.stringify(transcode)}`, { exhaustive: 'preset' in transcode }), {
    makers: lasting,
    quick: ['short-sound.mp4'],
    rows: Object.fromEntries(
      Object.entries(lengths).map(([name, length]) => {
        const sound = ['short-sound.mp4', 'liar.mp4'].includes(name)
        return [name, { ...film(160, 90, { sound, ssim: 0.9, lasts: [0, length + 0.05] }), transcode }]
      }),
    ),
    async also({ name, path, ran }) {
      const [made, source] = await Promise.all([measure(ran?.outputs[0]?.path ?? ''), measure(path)])
      const seconds = Number(made.format.duration)
      assert.ok(Math.abs(seconds - (lengths[name] ?? 0)) <= 0.05, `lasts ${seconds} s`)
      const [now, before] = [made, source].map((film) => spanOf(film, streamOf(film, 'video')?.index ?? 0))
      assert.is(now?.count, before?.count, 'pictures')
    },
  })
}

const test = suite('a last picture that lasts, elsewhere')

test.exhaustive(
  'it is not lengthened where the container would not keep it, nor beyond what a job may last',
  async () => {
    await using bench = await openFileBench()
    const path = await createFiles(join(bench.folder, 'sources'), lasting)('screen.mp4')
    for (const key of ['c_{name}.mkv', 'c_{name}.mp4']) {
      const ran = await bench.run(path, [transcode({ preset: 'ultrafast', key }), upload()], { durationSeconds: 2.5 })
      // ffmpeg 9 counts the last frame for as long as the source does: the limit is exceeded while it runs
      assert.is(ran.ok ? null : ran.code, byRelease({ '5.1': null, '9.0': 'resource.limit' }))
      if (!ran.ok) continue
      const { format } = await measure(ran.outputs[0]?.path ?? '')
      assert.ok(Number(format.duration) < 3, `${key} lasts ${format.duration} s`)
      assert.match(ran.warnings.join(), 'the picture lasts')
    }
  },
)
