import * as assert from 'uvu/assert'
import { parseProbe } from '../../daemon/probe/parse.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('pick')

const picture = {
  index: 0,
  codec_type: 'video',
  codec_name: 'hevc',
  width: 1920,
  height: 1080,
  pix_fmt: 'yuv420p',
  avg_frame_rate: '30/1',
}
const sound = { index: 1, codec_type: 'audio', codec_name: 'aac', channels: 2, sample_rate: '44100' }
const parse = (...streams: object[]) => parseProbe({ streams }, 1000)

function numbered(stream: object, changes: readonly object[]): object[] {
  return changes.map((change, index) => Object.assign({}, stream, change, { index: index + 1 }))
}

const seen = (...changes: object[]) => parse(...numbered(picture, changes)).video?.index
const heard = (...changes: object[]) => parse(...numbered(sound, changes)).audio?.index

test('of several pictures: one that holds something, the default, the largest, the fastest, the first', () => {
  const marked = { disposition: { default: 1 } }
  assert.is(seen({}, {}), 1)
  assert.is(seen({}, { avg_frame_rate: '60/1' }), 2)
  assert.is(seen({ width: 1280, avg_frame_rate: '60/1' }, {}), 2)
  assert.is(seen({ width: 1280, ...marked }, {}), 1)
  assert.is(seen({ pix_fmt: undefined, ...marked }, {}), 2)
  assert.is(seen({ disposition: { default: 1, still_image: 1 } }, {}), 2)
})

test('of several sounds: no commentary, the default, the most channels, the first', () => {
  assert.is(heard({}, {}), 1)
  assert.is(heard({}, { channels: 6 }), 2)
  assert.is(heard({ disposition: { default: 1 } }, { channels: 6 }), 1)
  assert.is(heard({ disposition: { default: 1, comment: 1 } }, {}), 2)
  assert.is(heard({ channels: 0, disposition: { default: 1 } }, {}), 2)
})

test('says why tracks are passed over, and which subtitles are text', () => {
  const cover = { ...picture, index: 7, codec_name: 'mjpeg', disposition: { attached_pic: 1 } }
  const data = { index: 8, codec_type: 'data', codec_tag_string: 'tmcd' }
  const text = { index: 9, codec_type: 'subtitle', codec_name: 'ass', tags: { language: 'eng' } }
  const pictures = { index: 10, codec_type: 'subtitle', codec_name: 'hdmv_pgs_subtitle', tags: { language: 'x\ny' } }
  const { skipped, subtitles } = parse(picture, sound, { ...sound, index: 6 }, cover, data, text, pictures)
  assert.equal(
    skipped.map(({ index, type, reason }) => [index, type, reason]),
    [
      [6, 'audio', 'another audio track was chosen'],
      [7, 'video', 'cover art is no film'],
      [8, 'data', 'neither picture nor sound'],
    ],
  )
  assert.equal(subtitles, [
    { index: 9, codec: 'ass', isText: true, language: 'eng' },
    { index: 10, codec: 'hdmv_pgs_subtitle', isText: false },
  ])
})
