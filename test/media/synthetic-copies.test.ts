import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { transcode, upload } from '../../plugins/index.ts'
import { ffmpeg } from '../helpers/media.ts'
import { openFileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure, readSsim } from './measure.ts'
import { addRows } from './rows.ts'
import { copies, inBandHevc, privateUnits, SECRET } from './synthetic/copies.ts'
import { encode, h264, videoInput } from './synthetic/files.ts'
import { video } from './table.ts'

const isVideo = ({ stream_index }: { stream_index: number }) => stream_index === 0
const similar = { audio: false, ssim: 0.97 }

addRows(suite('streams that a copy would break'), {
  makers: copies,
  quick: ['two-descriptions.mp4'],
  rows: {
    'two-descriptions.mp4': video(160, 90, similar),
    'parameters-change.mkv': video(160, 90, similar),
    'avc3.mp4': video(160, 90, similar),
    'cut-in-the-middle.mp4': video(160, 90, { audio: false }),
    'cut-at-start.mp4': video(160, 90, { ssim: 0.97 }),
  },
  async also({ name, path, result, bench }) {
    const output = result?.outputs[0]?.path ?? ''
    const ssim = await readSsimOfContainer({ folder: bench.folder, output, source: path })
    assert.ok(ssim >= 0.97, `${name}: SSIM is ${ssim} with the parameter sets in the container`)
    const { packets, frames } = await measure(output)
    assert.is(packets.filter(isVideo).length, frames.filter(isVideo).length, `${name}: the result hides no frames`)
  },
})

type Decoded = { folder: string; output: string; source: string; codec?: 'h264' | 'hevc' }

/** Compares a result that is decoded with the parameter sets in the container only, as some players do. */
async function readSsimOfContainer({ folder, output, source, codec = 'h264' }: Decoded): Promise<number> {
  const stripped = join(folder, 'stripped.mp4')
  const filter = `filter_units=remove_types=${codec === 'h264' ? '7-8' : '32-34'}`
  await ffmpeg(['-i', output, '-map', '0:v', '-c', 'copy', '-bsf:v', filter, stripped])
  return await readSsim({ output: stripped, source, filters: [], enough: 0.97 })
}

addRows(suite('private data among the frames'), {
  makers: privateUnits,
  quick: ['user-data.mp4'],
  rows: Object.fromEntries(Object.keys(privateUnits).map((name) => [name, video(160, 90, { ssim: 0.99 })])),
  async also({ name, path, result }) {
    assert.ok((await readFile(path)).includes(SECRET), `${name}: the source has it`)
    assert.not.ok((await readFile(result?.outputs[0]?.path ?? '')).includes(SECRET), name)
  },
})

const test = suite('copies')

test('copies ordinary video without changing a byte of its frames', async () => {
  await using bench = await openFileBench()
  const source = join(bench.folder, 'plain.mp4')
  await encode(videoInput({ seconds: 0.4 }), h264)(source)
  for (const key of ['c_{name}.mp4', 'c_{name}.mkv']) {
    const result = await bench.run(source, [transcode({ key }), upload()])
    if (!result.ok) throw new Error(`${result.code}: ${result.message}`)
    const sizes = await Promise.all(
      [source, result.outputs[0]?.path ?? ''].map(async (path) =>
        (await measure(path)).packets.map(({ sizeBytes }) => sizeBytes),
      ),
    )
    assert.equal(sizes[1], sizes[0], key)
  }
})

test.exhaustive('copies HEVC only if the container has its parameter sets', async () => {
  await using bench = await openFileBench()
  for (const [name, make] of Object.entries(inBandHevc)) {
    const source = join(bench.folder, name)
    await make(source)
    const result = await bench.run(source, [transcode({ codec: 'hevc', preset: 'ultrafast', crf: 8 }), upload()])
    if (!result.ok) throw new Error(`${result.code}: ${result.message}`)
    const output = result.outputs[0]?.path ?? ''
    const ssim = await readSsimOfContainer({ folder: bench.folder, output, source, codec: 'hevc' })
    assert.ok(ssim >= 0.97, `${name}: SSIM is ${ssim}`)
    const [before, after] = await Promise.all([source, output].map(async (path) => (await measure(path)).packets))
    const isCopied = JSON.stringify(before) === JSON.stringify(after)
    assert.is(isCopied, name === 'repeated.mp4', `${name} is copied: ${isCopied}`)
  }
})
