import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Probe } from '../../daemon/index.ts'
import { transcode, upload } from '../../plugins/index.ts'
import { byRelease } from '../helpers/ffmpeg-version.ts'
import { ffmpeg, readColour, readColours } from '../helpers/media.ts'
import { openFileBench, type FileBench } from '../helpers/run-file.ts'
import { suite } from '../helpers/suite.ts'
import { measure, streamOf, type Stream } from './measure.ts'
import { addRows } from './rows.ts'
import { highDynamicRange, implausibleLight } from './synthetic/hdr.ts'
import { video } from './table.ts'

const toneMapped = { warnings: [/HDR: it was tone-mapped/] }

const toTags = (stream: Stream | undefined) => [
  stream?.pix_fmt,
  stream?.color_range,
  stream?.color_space,
  stream?.color_transfer,
  stream?.color_primaries,
]

addRows(suite('HDR', { exhaustive: true }), {
  makers: highDynamicRange,
  rows: {
    'hdr10.mp4': video(256, 144, { audio: false, ...toneMapped }),
    'constant-luminance.mp4': video(256, 144, { audio: false, ...toneMapped }),
    'hlg.mp4': video(256, 144, { audio: false, ...toneMapped }),
    'hdr10-av1.mkv': video(256, 144, { audio: false, ...toneMapped }),
    'hlg-audio.mov': video(256, 144, toneMapped),
  },
  async also({ path, result, bench, name }) {
    for (const output of result?.outputs ?? []) {
      const regions = [0, 0.2, 0.4, 0.6].map((x) => ({ x, y: 0.1, size: 0.1 }))
      const colours = await readColours(output.path, [...regions, { x: 0.5, y: 0.75, size: 0.1 }])
      const ramp = colours.slice(0, 4)
      const greys = ramp.map(([red]) => red)
      assert.equal(
        greys.toSorted((a, b) => a - b),
        greys,
        'the ramp is monotonic',
      )
      assert.ok((greys[0] ?? 255) < 40 && (greys[3] ?? 0) > 100, `from dark to bright: ${greys.join()}`)
      for (const [red, green, blue] of ramp)
        assert.ok(Math.abs(red - green) < 12 && Math.abs(red - blue) < 12, 'the ramp is grey')
      const [red = 0, green = 255, blue = 255] = colours[4] ?? []
      assert.ok(red > 90 && red > 3 * green && red > 3 * blue, `red is kept: ${[red, green, blue].join()}`)
    }
    const sdr = await measure(result?.outputs[0]?.path ?? '')
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

const ignored = { warnings: [...toneMapped.warnings, /implausible HDR metadata was ignored/] }
/** Since ffmpeg 7.1 its decoder ignores implausible screens itself, and reports none. */
const toWarnings = (name: string) =>
  name.startsWith('screen') ? byRelease({ '5.1': ignored, '7.1': toneMapped }) : ignored
const steps = Array.from({ length: 10 }, (_, n) => ({ x: n / 10, y: 0.1, size: 0.09 }))
let reference: Promise<number[]> | undefined

addRows(suite('HDR with implausible light levels'), {
  makers: implausibleLight,
  quick: ['light-level-1.mp4'],
  rows: Object.fromEntries(
    Object.keys(implausibleLight).map((name) => [name, video(256, 144, { audio: false, ...toWarnings(name) })]),
  ),
  async also({ name, path, result, bench }) {
    reference ??= readGreys(bench, join(bench.folder, 'plausible.mp4'))
    const expected = await reference
    for (const output of result?.outputs ?? []) {
      const greys = (await readColours(output.path, steps)).map(([red]) => red)
      const difference = Math.max(...greys.map((grey, n) => Math.abs(grey - (expected[n] ?? 0))))
      assert.ok(difference <= 3, `${name}, ${output.kind}: ${greys.join()}, expected ${expected.join()}`)
    }
    const kept = await bench.run(path, [transcode({ codec: 'hevc', preset: 'ultrafast', hdr: 'keep' }), upload()])
    if (!kept.ok) throw new Error(`${kept.code}: ${kept.message}`)
    assert.is(kept.warnings.length, toWarnings(name).warnings.length - 1, kept.warnings.join())
    const { mastering, hasImplausibleMastering } = (await inspect(bench, kept.outputs[0]?.path ?? '')).video ?? {}
    assert.is(hasImplausibleMastering, undefined, `${name}: ${JSON.stringify(mastering)}`)
  },
})

/** Returns the greys of the tone-mapped video with plausible metadata. */
async function readGreys(bench: FileBench, path: string): Promise<number[]> {
  await highDynamicRange['hdr10.mp4']?.(path)
  const result = await bench.run(path, [transcode({ preset: 'ultrafast', crf: 8 }), upload()])
  if (!result.ok) throw new Error(`${result.code}: ${result.message}`)
  return (await readColours(result.outputs[0]?.path ?? '', steps)).map(([red]) => red)
}

async function inspect(bench: FileBench, path: string): Promise<Probe> {
  const result = await bench.inspect(path)
  if (!result.ok || !result.probe) throw new Error(`${path} cannot be probed`)
  return result.probe
}

const test = suite('HDR with unusual tags')

/** Colour, filter that gives it the matrix, and code points of H.273 (primaries, transfer function, matrix). */
const unusualTags = [
  ['null', 9, 16, 8],
  ['null', 9, 16, 10],
  ['null', 9, 16, 11],
  ['null', 9, 16, 12],
  ['null', 9, 16, 13],
  ['null', 9, 18, 0],
  ['null', 9, 1, 14],
  ['null', 9, 17, 9],
  ['zscale=matrix=ycgco:min=bt709', 1, 1, 8],
  ['zscale=matrix=ycgco:min=bt709', 2, 2, 8],
  ['zscale=matrix=bt2020c:transfer=bt2020-10:primaries=bt2020:min=bt709:tin=bt709:pin=bt709', 9, 14, 10],
  ['null', 1, 1, 11],
  ['null', 1, 1, 12],
  ['null', 1, 1, 13],
  ['null', 1, 1, 14],
] as const

test.exhaustive('understands the colour tags that filters do not support', async () => {
  await using bench = await openFileBench()
  const [plain, path] = [join(bench.folder, 'plain.mp4'), join(bench.folder, 'tagged.mp4')]
  const hevc = ['-pix_fmt', 'yuv420p10le', '-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error']
  for (const [filter, primaries, transfer, matrix] of unusualTags) {
    const input = ['-f', 'lavfi', '-i', 'color=c=0xC04020:s=64x64:d=0.2:r=25,format=yuv444p10le']
    const orange = ['-vf', `scale=out_color_matrix=bt709:out_range=tv,setparams=range=tv,${filter}`]
    await ffmpeg(['-y', ...input, ...orange, ...hevc, plain])
    const tags = `colour_primaries=${primaries}:transfer_characteristics=${transfer}:matrix_coefficients=${matrix}`
    await ffmpeg(['-y', '-i', plain, '-c', 'copy', '-bsf:v', `hevc_metadata=${tags}`, path])
    const result = await bench.run(path, [transcode({ preset: 'ultrafast' }), upload()])
    if (!result.ok) throw new Error(`${tags}: ${result.code}: ${result.message}`)
    const output = result.outputs[0]?.path ?? ''
    const { pix_fmt, color_range, color_space } = streamOf(await measure(output), 'video') ?? {}
    assert.equal([pix_fmt, color_range, color_space], ['yuv420p', 'tv', 'bt709'], tags)
    // the colours are known only where the pixels are in the tagged matrix
    if (filter === 'null' && primaries === 9) continue
    const colour = await readColour(output, { x: 0.5, y: 0.5, size: 0.2 })
    const difference = Math.max(...[192, 64, 32].map((value, n) => Math.abs(value - (colour[n] ?? 0))))
    assert.ok(difference <= 4, `${tags}: ${colour.join()}`)
  }
})
