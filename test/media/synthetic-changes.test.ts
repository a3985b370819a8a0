import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { transcode, upload } from '../../plugins/index.ts'
import { byRelease } from '../helpers/ffmpeg-version.ts'
import { readColours } from '../helpers/media.ts'
import { openFileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure, readCombing, streamOf } from './measure.ts'
import { addRows } from './rows.ts'
import { resized, turnedInterlaced } from './synthetic/changes.ts'
import { createFiles } from './synthetic/files.ts'
import { film, refused, type Row } from './table.ts'

const run = promisify(execFile)
const warnings = [/changes its size or shape on the way: what is different was fitted into \d+x\d+$/]
const silent = { sound: false, warnings }

/** How wide black bars at the left and on top are, in the second half: shares of the whole side. */
const bars: Readonly<Record<string, readonly [left: number, top: number]>> = {
  'turned.ts': [70 / 320, 0],
  'turned.mp4': [70 / 320, 0],
  'turned.mkv': [70 / 320, 0],
  'smaller.webm': [70 / 320, 0],
  'larger.webm': [35 / 160, 0],
  'same-shape.webm': [0, 0],
  'odd.mkv': [35 / 160, 0],
  'wide-pixels-later.mpg': byRelease({ '5.1': [0, 30 / 240], '7.1': [0, 0] }),
}

addRows(suite('sizes and shapes that change on the way'), {
  makers: resized,
  quick: ['turned.mp4', 'tiny.mkv'],
  rows: {
    'turned.ts': film(320, 240, { warnings }),
    'turned.mp4': film(320, 240, { warnings }),
    'turned.mkv': film(320, 240, silent),
    'smaller.webm': film(320, 240, silent),
    'larger.webm': film(160, 120, silent),
    'same-shape.webm': film(160, 120, silent),
    'odd.mkv': film(160, 120, silent),
    'tiny.mkv': refused('input.corrupt', /become too small/),
    // later versions give every frame the pixel shape that the container or its first frame has
    'wide-pixels-later.mpg': byRelease({ '5.1': film(320, 240, silent), '7.1': film(320, 240, { sound: false }) }),
  },
  async also({ name, ran }) {
    if (!ran) return
    const path = ran.outputs[0]?.path ?? ''
    const { frames, streams } = await measure(path)
    const picture = streamOf({ streams }, 'video')?.index
    // what bwdif holds while ffmpeg makes the filters anew is lost
    const count = frames.filter(({ stream_index }) => stream_index === picture).length
    assert.ok(count >= (name === 'same-shape.webm' ? 75 : 49), `${count} pictures, and should be all, or all but one`)
    await hasBars(path, bars[name] ?? [0, 0])
  },
})

for (const fit of ['pad', 'cover'] as const) {
  const test = suite(`shapes that change, fit: '${fit}'`, { exhaustive: true })
  test('what is different lies whole in the middle', async () => {
    await using bench = await openFileBench()
    const shapes: Readonly<Record<string, readonly number[]>> = {
      'turned.mp4': [25, 0],
      ...byRelease({ '5.1': { 'wide-pixels-later.mpg': [0, 43.75] }, '7.1': {} }),
    }
    for (const [name, wanted] of Object.entries(shapes)) {
      const path = await createFiles(join(bench.folder, 'sources'), resized)(name)
      const plugins = [transcode({ preset: 'ultrafast', fit, maxWidth: 200, maxHeight: 200 }), upload()]
      const ran = await bench.run(path, plugins)
      assert.ok(ran.ok)
      const [left = 0, top = 0] = wanted.map((length) => length / 200)
      await hasBars(ran.outputs[0]?.path ?? '', [left, top])
    }
  })
}

const across = (x: number) => ({ x, y: 0.5, size: 0.01 })
const down = (y: number) => ({ x: 0.5, y, size: 0.01 })

/** Looks at a picture of the second half: black at the sides, then the white frame that is drawn around what is shown. */
async function hasBars(path: string, [left, top]: readonly [left: number, top: number]): Promise<void> {
  const later = `${path}.later.png`
  await run('ffmpeg', ['-v', 'error', '-ss', '1.6', '-i', path, '-frames:v', '1', '-update', '1', later])
  const dark = [
    ...(left > 0 ? [left / 2, 1 - left / 2].map(across) : []),
    ...(top > 0 ? [top / 2, 1 - top / 2].map(down) : []),
  ]
  const white = [...[left + 0.01, 0.98 - left].map(across), ...[top + 0.01, 0.98 - top].map(down)]
  const places = [...dark, ...white]
  const colours = await readColours(later, places)
  for (const [n, colour] of colours.entries()) {
    const wanted = n >= dark.length
    const right = wanted ? Math.min(...colour) > 180 : Math.max(...colour) < 40
    const { x, y } = places[n] ?? {}
    assert.ok(right, `${path} is ${colour.join()} at ${x}, ${y}, and should be ${wanted ? 'white' : 'black'}`)
  }
}

const asIs: Row = film(320, 192, { sound: false, ssim: 0.9, reference: ['yadif=deint=interlaced'] })
const heard: Row = film(320, 192, { ssim: 0.9, reference: ['yadif=deint=interlaced'] })

for (const copy of ['auto', 'never'] as const) {
  addRows(suite(`half-pictures from the middle on, copy: '${copy}'`, { exhaustive: copy === 'never' }), {
    makers: turnedInterlaced,
    quick: ['interlaced-later.mp4'],
    rows: {
      'interlaced-later.mp4': { ...heard, transcode: { copy } },
      'interlaced-later.mkv': { ...asIs, transcode: { copy } },
      'interlaced-later.ts': { ...heard, transcode: { copy } },
    },
    async also({ path, ran }) {
      assert.ok((await readCombing(path)) > 1, 'the source is combed')
      const combing = await readCombing(ran?.outputs[0]?.path ?? '')
      assert.ok(combing < 0.5, `lines differ by ${combing}`)
    },
  })
}
