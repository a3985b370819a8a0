import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { transcode, upload } from '../../plugins/index.ts'
import { ffmpeg, readColours } from '../helpers/media.ts'
import { openFileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure, streamOf, type Stream } from './measure.ts'
import { addRows } from './rows.ts'
import { picture } from './synthetic/files.ts'
import { lights } from './synthetic/pictures.ts'
import { film } from './table.ts'

const toneMapped = { warnings: [/HDR: it was tone-mapped/] }

const toTags = (stream: Stream | undefined) => [
  stream?.pix_fmt,
  stream?.color_range,
  stream?.color_space,
  stream?.color_transfer,
  stream?.color_primaries,
]

addRows(suite('light for HDR screens'), {
  makers: lights,
  quick: ['hdr10.mp4'],
  rows: {
    'hdr10.mp4': film(256, 144, { sound: false, ...toneMapped }),
    'hlg.mp4': film(256, 144, { sound: false, ...toneMapped }),
    'hdr10-av1.mkv': film(256, 144, { sound: false, ...toneMapped }),
    'hlg-sound.mov': film(256, 144, toneMapped),
  },
  async also({ path, ran, bench, name }) {
    for (const output of ran?.outputs ?? []) {
      const places = [0, 0.2, 0.4, 0.6].map((x) => ({ x, y: 0.1, size: 0.1 }))
      const colours = await readColours(output.path, [...places, { x: 0.5, y: 0.75, size: 0.1 }])
      const ramp = colours.slice(0, 4)
      const greys = ramp.map(([red]) => red)
      assert.equal(
        greys.toSorted((a, b) => a - b),
        greys,
        'what is brighter stays brighter',
      )
      assert.ok((greys[0] ?? 255) < 40 && (greys[3] ?? 0) > 100, `from dark to bright: ${greys.join()}`)
      for (const [red, green, blue] of ramp) assert.ok(Math.abs(red - green) < 12 && Math.abs(red - blue) < 12, 'grey')
      const [red = 0, green = 255, blue = 255] = colours[4] ?? []
      assert.ok(red > 90 && red > 3 * green && red > 3 * blue, `red stays red: ${[red, green, blue].join()}`)
    }
    const sdr = await measure(ran?.outputs[0]?.path ?? '')
    assert.equal(toTags(streamOf(sdr, 'video')), ['yuv420p', 'tv', 'bt709', 'bt709', 'bt709'])
    const transfer = name.startsWith('hlg') ? 'arib-std-b67' : 'smpte2084'
    for (const [codec, preset] of [
      ['hevc', 'ultrafast'],
      ['av1', 12],
    ] as const) {
      const kept = await bench.run(path, [transcode({ codec, preset, hdr: 'keep', copy: 'never' }), upload()])
      if (!kept.ok) throw new Error(`${codec}: ${kept.code}: ${kept.message}\n${kept.stderr.join('\n')}`)
      assert.equal(kept.warnings, [])
      const file = await measure(kept.outputs[0]?.path ?? '')
      assert.equal(toTags(streamOf(file, 'video')), ['yuv420p10le', 'tv', 'bt2020nc', transfer, 'bt2020'], codec)
      assert.is(streamOf(file, 'video')?.codec_name, codec)
    }
  },
})

const test = suite('light that is said to be strange')

test.exhaustive('what is said of colours, and no filter can make sense of, is taken for BT.2020', async () => {
  await using bench = await openFileBench()
  const [plain, path] = [join(bench.folder, 'plain.mp4'), join(bench.folder, 'strange.mp4')]
  const hevc = ['-pix_fmt', 'yuv420p10le', '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error']
  await ffmpeg([...picture({ seconds: 0.2, size: '64x64' }), ...hevc, plain])
  // the code points of H.273
  for (const [transfer, matrix] of [
    [16, 10],
    [18, 0],
    [1, 14],
    [17, 9],
  ]) {
    const tags = `colour_primaries=9:transfer_characteristics=${transfer}:matrix_coefficients=${matrix}`
    await ffmpeg(['-y', '-i', plain, '-c', 'copy', '-bsf:v', `hevc_metadata=${tags}`, path])
    const ran = await bench.run(path, [transcode({ preset: 'ultrafast' }), upload()])
    if (!ran.ok) throw new Error(`${tags}: ${ran.code}: ${ran.message}`)
    const file = await measure(ran.outputs[0]?.path ?? '')
    assert.equal(toTags(streamOf(file, 'video')), ['yuv420p', 'tv', 'bt709', 'bt709', 'bt709'], tags)
  }
})
