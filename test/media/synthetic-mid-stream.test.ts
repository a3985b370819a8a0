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
import { resized, interlacedLater } from './synthetic/mid-stream.ts'
import { createFiles } from './synthetic/files.ts'
import { video, rejected, type Row } from './table.ts'

const run = promisify(execFile)
const warnings = [/aspect ratio changes mid-stream: frames of another shape were fitted into \d+x\d+$/]
const silent = { audio: false, warnings }

/** Width of the black bars at the left and at the top in the second half, as fractions of width and height. */
const bars: Readonly<Record<string, readonly [left: number, top: number]>> = {
  'portrait-later.ts': [70 / 320, 0],
  'portrait-later.mp4': [70 / 320, 0],
  'portrait-later.mkv': [70 / 320, 0],
  'smaller.webm': [70 / 320, 0],
  'larger.webm': [35 / 160, 0],
  'same-shape.webm': [0, 0],
  'odd.mkv': [35 / 160, 0],
  'wide-pixels-later.mpg': byRelease({ '5.1': [0, 30 / 240], '7.1': [0, 0] }),
}

addRows(suite('size or aspect ratio changes mid-stream'), {
  makers: resized,
  quick: ['portrait-later.mp4'],
  rows: {
    'portrait-later.ts': video(320, 240, { warnings }),
    'portrait-later.mp4': video(320, 240, { warnings }),
    'portrait-later.mkv': video(320, 240, silent),
    'smaller.webm': video(320, 240, silent),
    'larger.webm': video(160, 120, silent),
    'same-shape.webm': video(160, 120, silent),
    'odd.mkv': video(160, 120, silent),
    'tiny.mkv': rejected('input.corrupt', /too small to deinterlace/),
    // later versions give every frame the sample aspect ratio of the container or of the first frame
    'wide-pixels-later.mpg': byRelease({ '5.1': video(320, 240, silent), '7.1': video(320, 240, { audio: false }) }),
  },
  async also({ name, result }) {
    if (!result) return
    const path = result.outputs[0]?.path ?? ''
    const { frames, streams } = await measure(path)
    const index = streamOf({ streams }, 'video')?.index
    // the frame that bwdif buffers is lost when ffmpeg reconfigures the filters
    const count = frames.filter(({ stream_index }) => stream_index === index).length
    assert.ok(count >= (name === 'same-shape.webm' ? 75 : 49), `${count} frames, expected all, or all but one`)
    await checkBars(path, bars[name] ?? [0, 0])
  },
})

for (const fit of ['pad', 'cover'] as const) {
  const test = suite(`size changes mid-stream, fit: '${fit}'`, { exhaustive: true })
  test('fits frames of another shape into the middle', async () => {
    await using bench = await openFileBench()
    const expectedBars: Readonly<Record<string, readonly number[]>> = {
      'portrait-later.mp4': [25, 0],
      ...byRelease({ '5.1': { 'wide-pixels-later.mpg': [0, 43.75] }, '7.1': {} }),
    }
    for (const [name, pixels] of Object.entries(expectedBars)) {
      const path = await createFiles(join(bench.folder, 'sources'), resized)(name)
      const plugins = [transcode({ preset: 'ultrafast', fit, maxWidth: 200, maxHeight: 200 }), upload()]
      const result = await bench.run(path, plugins)
      assert.ok(result.ok)
      const [left = 0, top = 0] = pixels.map((length) => length / 200)
      await checkBars(result.outputs[0]?.path ?? '', [left, top])
    }
  })
}

const across = (x: number) => ({ x, y: 0.5, size: 0.01 })
const down = (y: number) => ({ x: 0.5, y, size: 0.01 })

/** Checks a frame of the second half: it has black bars, then the white border of the video. */
async function checkBars(path: string, [left, top]: readonly [left: number, top: number]): Promise<void> {
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
    const isWhite = n >= dark.length
    const matches = isWhite ? Math.min(...colour) > 180 : Math.max(...colour) < 40
    const { x, y } = places[n] ?? {}
    assert.ok(matches, `${path} is ${colour.join()} at ${x}, ${y}, expected ${isWhite ? 'white' : 'black'}`)
  }
}

const withoutAudio: Row = video(320, 192, { audio: false, ssim: 0.9, reference: ['yadif=deint=interlaced'] })
const withAudio: Row = video(320, 192, { ssim: 0.9, reference: ['yadif=deint=interlaced'] })

for (const copy of ['auto', 'never'] as const) {
  addRows(suite(`becomes interlaced mid-stream, copy: '${copy}'`, { exhaustive: copy === 'never' }), {
    makers: interlacedLater,
    quick: ['interlaced-later.mp4'],
    rows: {
      'interlaced-later.mp4': { ...withAudio, transcode: { copy } },
      'interlaced-later.mkv': { ...withoutAudio, transcode: { copy } },
      'interlaced-later.ts': { ...withAudio, transcode: { copy } },
    },
    async also({ path, result }) {
      assert.ok((await readCombing(path)) > 1, 'the source has combing')
      const combing = await readCombing(result?.outputs[0]?.path ?? '')
      assert.ok(combing < 0.5, `combing is ${combing}`)
    },
  })
}
