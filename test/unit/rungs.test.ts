import * as assert from 'uvu/assert'
import { toMaxrateKbps } from '../../plugins/ladder/rates.ts'
import { toLadder } from '../../plugins/ladder/rungs.ts'
import { toEncodeSettings, transcodeOptions } from '../../plugins/transcode/options.ts'
import { transcode } from '../../plugins/index.ts'
import { aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('renditions')

type Given = Parameters<typeof transcode>[0]
const toSettings = (given: Given = {}) => toEncodeSettings(transcodeOptions.parse({ renditions: 'auto', ...given }))
const ladderOf = (
  width: number,
  height: number,
  { video = {}, ...given }: Given & { video?: Parameters<typeof aVideo>[0] } = {},
) => toLadder(aVideo({ width, height, ...video }), toSettings(given))
const problems = (given: Given) => transcode(given).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
const sizesOf = (...args: Parameters<typeof ladderOf>) =>
  ladderOf(...args).rungs.map(({ size }) => `${size.width}x${size.height}`)

test('auto chooses sizes up to that of the source, by its short side', () => {
  assert.equal(sizesOf(1920, 1080), ['1920x1080', '1280x720', '852x480', '640x360'])
  assert.equal(sizesOf(3840, 2160), ['3840x2160', '2560x1440', '1920x1080', '1280x720', '852x480', '640x360'])
  assert.equal(sizesOf(1080, 1920), ['1080x1920', '720x1280', '480x852', '360x640'])
  assert.equal(sizesOf(1920, 800), ['1728x720', '1152x480', '864x360'])
})

test('auto adds the size of the source when it is more than 1.2 times the next one', () => {
  assert.equal(sizesOf(1600, 900), ['1600x900', '1280x720', '852x480', '640x360'])
  assert.match(ladderOf(1600, 900).reason, /the source is 1600x900.*its own size is included.*more than 1\.2 times 720/)
  assert.equal(sizesOf(1536, 864), ['1280x720', '852x480', '640x360'])
})

test('a small source has one rendition of its own size', () => {
  assert.equal(sizesOf(320, 240), ['320x240'])
  assert.match(ladderOf(320, 240).reason, 'renditions h264-240p: the source is 320x240, smaller than 360p')
})

test('sizes are even and have square pixels, also of rotated, odd and anamorphic sources', () => {
  assert.equal(sizesOf(1920, 1080, { video: { rotation: 90 } }), ['1080x1920', '720x1280', '480x852', '360x640'])
  assert.equal(sizesOf(1365, 769), ['1278x720', '852x480', '638x360'])
  assert.equal(sizesOf(720, 576, { video: { pixelAspect: 16 / 11 } }), ['872x480', '654x360'])
})

test('maxWidth and maxHeight limit all renditions', () => {
  assert.equal(sizesOf(1920, 1080, { maxHeight: 720 }), ['1280x720', '852x480', '640x360'])
})

test('a list keeps its order, its codecs and its encode settings', () => {
  const { rungs } = ladderOf(1920, 1080, {
    crf: 21,
    renditions: [
      { height: 720, codec: 'av1', preset: 10 },
      { height: 720 },
      { height: 720, crf: 30, maxrateKbps: 900 },
    ],
  })
  assert.equal(
    rungs.map(({ name, crf, preset, maxrateKbps }) => [name, crf, preset, maxrateKbps]),
    [
      ['av1-720p', 35, 10, 3380],
      ['h264-720p', 21, 'medium', 4500],
      ['h264-720p-2', 30, 'medium', 900],
    ],
  )
})

test('larger renditions of a list are left out; without any other, one has the size of the source', () => {
  const renditions = [{ height: 1080 }, { height: 720 }, { height: 480 }]
  assert.equal(sizesOf(1280, 720, { renditions }), ['1280x720', '852x480'])
  assert.match(ladderOf(1280, 720, { renditions }).reason, '1 of 3 left out as larger')
  assert.equal(sizesOf(320, 240, { renditions }), ['320x240'])
})

test('equal renditions are made once', () => {
  assert.equal(sizesOf(1280, 720, { renditions: [{ height: 480 }, { height: 480 }] }), ['852x480'])
})

test('bit rates follow size, codec and frame rate', () => {
  assert.equal(
    [1080, 720, 540, 480, 360, 100, 9000].map((side) => toMaxrateKbps(side, 'h264', 30)),
    [7800, 4500, 2000, 1500, 800, 150, 60_000],
  )
  assert.is(toMaxrateKbps(1080, 'hevc', 30), 5850)
  assert.is(toMaxrateKbps(1080, 'h264', 60), 11_700)
  assert.is(toMaxrateKbps(1080, 'h264', null), 7800)
})

test('reports options that cannot be combined with renditions, each with its path', () => {
  assert.match(problems({ renditions: 'auto', fit: 'pad', maxWidth: 100, maxHeight: 100 }).join(), /^fit: "pad" cannot/)
  assert.match(problems({ renditions: 'auto', metadata: 'keep' }).join(), /^metadata: "keep" cannot/)
  assert.match(problems({ renditions: 'auto', renditionsKey: '{name}/{rendition}.mp4' }).join(), /^renditionsKey: must/)
  assert.match(problems({ renditions: [{ height: 720, crf: 99 }] }).join(), 'renditions.0.crf: h264 takes 0 to 51')
  assert.match(
    problems({ renditions: [{ height: 720, codec: 'h264' }], codec: 'hevc', hdr: 'keep' }).join(),
    'cannot keep HDR',
  )
  assert.match(problems({ audio: { languages: 'all' } }).join(), 'audio.languages: "all" needs renditions')
})
