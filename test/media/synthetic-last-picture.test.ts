import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { measure, spanOf, streamOf } from './measure.ts'
import { addRows } from './rows.ts'
import { lasting } from './synthetic/changes.ts'
import { film } from './table.ts'

/** In seconds. */
const lengths: Readonly<Record<string, number>> = {
  'screen.mp4': 5,
  'screen.mov': 5,
  'short-sound.mp4': 4,
  'one-picture.mp4': 3,
  'stops.gif': 4.9,
}

for (const transcode of [{}, { copy: 'never' }, { copy: 'never', preset: 'fast' }] as const) {
  addRows(suite(`a last picture that lasts, ${JSON.stringify(transcode)}`, { timeoutSeconds: 60 }), {
    makers: lasting,
    rows: Object.fromEntries(
      Object.entries(lengths).map(([name, length]) => {
        const sound = name === 'short-sound.mp4'
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
