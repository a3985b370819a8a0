import * as assert from 'uvu/assert'
import { parseProbe } from '../../daemon/probe/parse.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('pick')

const videoTrack = {
  index: 0,
  codec_type: 'video',
  codec_name: 'hevc',
  width: 1920,
  height: 1080,
  pix_fmt: 'yuv420p',
  avg_frame_rate: '30/1',
}
const audioTrack = { index: 1, codec_type: 'audio', codec_name: 'aac', channels: 2, sample_rate: '44100' }
const parse = (...streams: object[]) => parseProbe({ streams }, 1000)

function numbered(stream: object, changes: readonly object[]): object[] {
  return changes.map((change, index) => Object.assign({}, stream, change, { index: index + 1 }))
}

const videoIndex = (...changes: object[]) => parse(...numbered(videoTrack, changes)).video?.index
const audioIndex = (...changes: object[]) => parse(...numbered(audioTrack, changes)).audio?.index

test('selects video: with frames, then default, then most pixels, then highest frame rate, then first', () => {
  const marked = { disposition: { default: 1 } }
  assert.is(videoIndex({}, {}), 1)
  assert.is(videoIndex({}, { avg_frame_rate: '60/1' }), 2)
  assert.is(videoIndex({ width: 1280, avg_frame_rate: '60/1' }, {}), 2)
  assert.is(videoIndex({ width: 1280, ...marked }, {}), 1)
  assert.is(videoIndex({ pix_fmt: undefined, ...marked }, {}), 2)
  assert.is(videoIndex({ disposition: { default: 1, still_image: 1 } }, {}), 2)
})

test('selects video that other players can show before Dolby Vision without a base layer', () => {
  const dolby = { width: 3840, disposition: { default: 1 } }
  const only = { dv_profile: 5, dv_bl_signal_compatibility_id: 0 }
  const compatible = { dv_profile: 8, dv_bl_signal_compatibility_id: 1 }
  assert.is(videoIndex({ ...dolby, side_data_list: [only] }, {}), 2)
  assert.is(videoIndex({ ...dolby, side_data_list: [compatible] }, {}), 1)
})

test('selects audio: no commentary, then default, then most channels, then first', () => {
  assert.is(audioIndex({}, {}), 1)
  assert.is(audioIndex({}, { channels: 6 }), 2)
  assert.is(audioIndex({ disposition: { default: 1 } }, { channels: 6 }), 1)
  assert.is(audioIndex({ disposition: { default: 1, comment: 1 } }, {}), 2)
  assert.is(audioIndex({ channels: 0, disposition: { default: 1 } }, {}), 2)
})

const labelled = (position: string) => ({ channel_layout: position === 'mono' ? position : `1 channels (${position})` })
const mono = (...tracks: readonly (string | object)[]): object[] =>
  tracks.map((track) => Object.assign({ channels: 1 }, typeof track === 'string' ? labelled(track) : track))
const joined = (...changes: object[]) => {
  const { audio, skipped } = parse(...numbered(audioTrack, changes))
  const tracks = audio?.tracks?.map(({ index, position }) => `${index}${position}`).join(' ')
  return [tracks ?? audio?.index, audio?.layout, skipped.length]
}

test('joins mono tracks with labels of left and right, in the order of channels', () => {
  assert.equal(joined(...mono('FL', 'FR')), ['1FL 2FR', 'stereo', 0])
  assert.equal(joined(...mono('FR', 'FL')), ['2FL 1FR', 'stereo', 0])
  assert.equal(joined(...mono('DL', 'DR')), ['1DL 2DR', 'downmix', 0])
  const six = ['1FL 2FR 3FC 4LFE 5BL 6BR', 'FL+FR+FC+LFE+BL+BR', 0]
  assert.equal(joined(...mono('FL', 'FR', 'mono', 'LFE', 'BL', 'BR')), six)
})

test('does not join other mono tracks', () => {
  assert.equal(joined(...mono('FL', 'FR', 'mono')), ['1FL 2FR', 'stereo', 1], 'a commentary has the layout mono')
  assert.equal(joined(...mono('mono', 'mono')), [1, 'mono', 1])
  assert.equal(joined(...mono('FL', 'BL')), [1, '1 channels (FL)', 1])
  assert.equal(joined(...mono('FL', 'FR', 'FL', 'FR')), ['1FL 2FR', 'stereo', 2])
  assert.equal(joined(...mono('FL', 'FR'), { channels: 2, channel_layout: 'stereo' }), [3, 'stereo', 2])
  const german = { channel_layout: '1 channels (FR)', tags: { language: 'deu' } }
  assert.equal(joined(...mono('FL', german, 'FR')), ['1FL 3FR', 'stereo', 1])
  const first = { ...german, channel_layout: '1 channels (FL)', disposition: { default: 1 } }
  assert.equal(joined(...mono(first, 'FL', 'FR')), [1, '1 channels (FL)', 2])
})

test('does not join a track that holds nothing', () => {
  assert.equal(joined(...mono('FL', { ...labelled('FR'), is_empty: true })), [1, '1 channels (FL)', 1])
})

test('reports why tracks are skipped, and which subtitles are text', () => {
  const cover = { ...videoTrack, index: 7, codec_name: 'mjpeg', disposition: { attached_pic: 1 } }
  const data = { index: 8, codec_type: 'data', codec_tag_string: 'tmcd' }
  const text = { index: 9, codec_type: 'subtitle', codec_name: 'ass', tags: { language: 'eng' } }
  const bitmaps = { index: 10, codec_type: 'subtitle', codec_name: 'hdmv_pgs_subtitle', tags: { language: 'x\ny' } }
  const { skipped, subtitles } = parse(videoTrack, audioTrack, { ...audioTrack, index: 6 }, cover, data, text, bitmaps)
  assert.equal(
    skipped.map(({ index, type, reason }) => [index, type, reason]),
    [
      [6, 'audio', 'another audio track was chosen'],
      [7, 'video', 'cover art'],
      [8, 'data', 'neither video nor audio'],
    ],
  )
  assert.equal(subtitles, [
    { index: 9, codec: 'ass', isText: true, language: 'eng' },
    { index: 10, codec: 'hdmv_pgs_subtitle', isText: false },
  ])
})

test('selects audio of a program of the video, or of no program', () => {
  const streams = [
    { ...videoTrack, width: 640 },
    audioTrack,
    { ...videoTrack, index: 2 },
    { ...audioTrack, index: 3, channels: 1 },
  ]
  const select = (...programs: number[][]) => {
    const listed = programs.map((indexes) => ({ streams: indexes.map((index) => ({ index })) }))
    const { video, audio, skipped } = parseProbe({ streams, programs: listed }, 1000)
    return [video?.index, audio?.index, ...skipped.map(({ reason }) => reason)]
  }
  const other = 'part of another program'
  assert.equal(select([0, 1], [2, 3]), [2, 3, other, other])
  assert.equal(select([0, 1], [2]), [2, 3, other, other])
  assert.equal(select([0, 1], [2], [3]), [2, undefined, other, other, other])
  assert.equal(select([0, 1, 2, 3]), [2, 1, 'another video track was chosen', 'another audio track was chosen'])
  assert.equal(select().slice(0, 2), [2, 1])
})
