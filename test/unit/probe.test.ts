import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { toDisplaySize } from '../../daemon/vocabulary/media.ts'
import {
  findUnreadable,
  isDolbyOnly,
  isEncrypted,
  toFrameOrientation,
  NAMELESS,
  parseProbe,
  withoutUndecodable,
} from '../../daemon/probe/parse.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('probe')

const picture = {
  index: 0,
  codec_type: 'video',
  codec_name: 'hevc',
  codec_tag_string: 'hvc1',
  width: 1920,
  height: 1080,
  pix_fmt: 'yuv420p',
  avg_frame_rate: '30000/1001',
  r_frame_rate: '30/1',
  duration: '3.200000',
  color_transfer: 'bt709',
  field_order: 'progressive',
  sample_aspect_ratio: '1:1',
}
const sound = { index: 1, codec_type: 'audio', codec_name: 'aac', channels: 2, sample_rate: '44100', duration: '3.23' }
const container = { format_name: 'mov,mp4', duration: '3.280000' }

const parse = (...streams: object[]) => parseProbe({ streams, format: container }, 1000)
const turned = (degrees: unknown) => parse({ ...picture, side_data_list: [{}, { rotation: degrees }] }).video?.rotation

test('an ordinary file', () => {
  assert.equal(parse(picture, sound), {
    format: 'mov,mp4',
    durationSeconds: 3.28,
    startSeconds: 0,
    sizeBytes: 1000,
    subtitles: [],
    skipped: [],
    streamCount: 2,
    chapterCount: 0,
    video: {
      index: 0,
      codec: 'hevc',
      width: 1920,
      height: 1080,
      rotation: 0,
      mirrored: false,
      pixelFormat: 'yuv420p',
      framesPerSecond: 30_000 / 1001,
      maxFramesPerSecond: 30,
      packetCount: null,
      startSeconds: 0,
      durationSeconds: 3.2,
      pixelAspect: 1,
      interlaced: false,
      transfer: 'bt709',
    },
    audio: {
      index: 1,
      codec: 'aac',
      channels: 2,
      sampleRate: 44_100,
      packetCount: null,
      startSeconds: 0,
      durationSeconds: 3.23,
    },
  })
})

test('turns: counter-clockwise in the display matrix, clockwise in the tag', () => {
  assert.equal([-90, 90, 180, -180, -270, '-90', 0].map(turned), [90, 270, 180, 180, 270, 90, 0])
  assert.is(parse({ ...picture, tags: { rotate: '90' } }).video?.rotation, 90)
  assert.is(parse({ ...picture, tags: { rotate: '90' }, side_data_list: [{ rotation: 0 }] }).video?.rotation, 0)
})

test('turns that no player applies are none', () => {
  assert.equal([-9223372036854775808, 'N/A', null, 45, Number.NaN, '', {}, 1e300].map(turned), [0, 0, 0, 0, 0, 0, 0, 0])
})

test('a picture is shown upright', () => {
  const { video } = parse({ ...picture, side_data_list: [{ rotation: -90 }] })
  assert.ok(video)
  assert.equal(toDisplaySize(video), { width: 1080, height: 1920 })
})

test('cover art is no picture', () => {
  const cover = { ...picture, codec_name: 'mjpeg', disposition: { attached_pic: 1 } }
  assert.is(parse(cover, sound).video, null)
  assert.is(parse(cover, { ...picture, index: 2 }).video?.index, 2)
})

test('the picture is one that can be read, the sound the default one', () => {
  const unknown = { ...picture, codec_name: 'unknown' }
  assert.is(parse(unknown, { ...picture, index: 3 }).video?.index, 3)
  const chosen = { ...sound, index: 5, disposition: { default: 1 } }
  assert.is(parse(sound, chosen).audio?.index, 5)
  assert.is(parse({ ...sound, index: 4 }, sound).audio?.index, 4)
})

/** How a picture with the upper left of this display matrix is shown. */
function shown(...[a = 0, b = 0, c = 0, d = 0]: number[]): unknown[] {
  const rows = [
    [a, b, 0],
    [c, d, 0],
    [0, 0, 16_384],
  ]
  const text = rows.map((row, i) => `0000000${i}: ${row.map((n) => String(n * 65_536).padStart(12)).join('')}\n`)
  const { video } = parse({ ...picture, side_data_list: [{ displaymatrix: `\n${text.join('')}`, rotation: 45 }] })
  return [video?.rotation, video?.mirrored]
}

test('the display matrix: every way a picture can lie and be mirrored', () => {
  assert.equal(shown(1, 0, 0, 1), [0, false])
  assert.equal(shown(0, 1, -1, 0), [90, false])
  assert.equal(shown(-1, 0, 0, -1), [180, false])
  assert.equal(shown(0, -1, 1, 0), [270, false])
  assert.equal(shown(-1, 0, 0, 1), [0, true])
  assert.equal(shown(0, 1, 1, 0), [270, true])
  assert.equal(shown(1, 0, 0, -1), [180, true])
  assert.equal(shown(0, -1, -1, 0), [90, true])
  assert.equal(shown(0, 0, 0, 0), [0, false])
})

test('a codec without a decoder is unreadable by its name; tracks say that they are encrypted', () => {
  const json = { streams: [picture, { ...sound, codec_name: 'ac4' }] }
  const stderr = '[warning] Unsupported codec with id 86118 for input stream 1\n'
  assert.equal(findUnreadable(withoutUndecodable(json, stderr)), { video: null, audio: 'ac4' })
  assert.equal(isEncrypted(json), false)
  assert.equal(isEncrypted({ streams: [{ ...picture, tags: { enc_key_id: 'yb==' } }] }), true)
})

function dolby(profile: number, compatibility: number): boolean {
  return isDolbyOnly({
    streams: [{ side_data_list: [{ dv_profile: profile, dv_bl_signal_compatibility_id: compatibility }] }],
  })
}

test('a first frame tells how the picture lies; Dolby Vision says whether it has a picture for all', () => {
  const matrix = '\n00000000: 0 65536 0\n00000001: -65536 0 0\n00000002: 0 0 1073741824\n'
  assert.equal(toFrameOrientation({ frames: [{ side_data_list: [{ displaymatrix: matrix }] }] })?.rotation, 90)
  assert.is(toFrameOrientation({ frames: [{}] }), null)
  assert.equal([dolby(5, 0), dolby(8, 1), isDolbyOnly({ streams: [picture] })], [true, false, false])
})

test('lengths that only tags tell', () => {
  const tagged = { ...picture, duration: 'N/A', tags: { DURATION: '01:00:02.500000000' } }
  assert.is(parse(tagged).video?.durationSeconds, 3602.5)
  assert.is(parse({ ...tagged, start_time: '3600' }).video?.durationSeconds, 2.5)
})

test('names what it cannot read', () => {
  const streams = [
    { codec_type: 'video', codec_tag_string: 'vvc1' },
    { codec_type: 'audio', codec_name: 'unknown', codec_tag_string: '[0][0][0][0]' },
  ]
  assert.equal(findUnreadable({ streams }), { video: 'vvc1', audio: NAMELESS })
  assert.equal(findUnreadable({ streams: [picture, sound] }), { video: null, audio: null })
})

test('N/A, 0/0 and nothing are null or 0', () => {
  const odd = {
    ...picture,
    avg_frame_rate: '0/0',
    r_frame_rate: 'N/A',
    duration: 'N/A',
    pix_fmt: 'unknown',
    width: 'x',
  }
  const { video } = parse({ ...odd, sample_aspect_ratio: '0:1' })
  assert.is(video?.framesPerSecond, null)
  assert.is(video?.durationSeconds, null)
  assert.is(video?.pixelFormat, null)
  assert.is(video?.width, 0)
  assert.is(video?.pixelAspect, 1)
  assert.equal(parseProbe(null, 5), {
    format: '',
    durationSeconds: null,
    startSeconds: 0,
    sizeBytes: 5,
    video: null,
    audio: null,
    subtitles: [],
    skipped: [],
    streamCount: 0,
    chapterCount: 0,
  })
})

test('shapes of pixels, half-pictures', () => {
  const { video } = parse({ ...picture, sample_aspect_ratio: '64:45', field_order: 'tt' })
  assert.is(video?.pixelAspect, 64 / 45)
  assert.is(video?.interlaced, true)
  assert.is(parse({ ...picture, sample_aspect_ratio: '1000000:1' }).video?.pixelAspect, 1)
})

test('whatever ffprobe says, every number is one', () => {
  const value = fc.oneof(
    fc.constantFrom(
      'N/A',
      '0/0',
      '1/0',
      '-1/2',
      '1:0',
      '',
      '1e400',
      'unknown',
      'tt',
      '-9223372036854775808',
      Number.NaN,
      -0,
    ),
    fc.anything(),
    fc.double().map(String),
  )
  const keys = Object.keys({ ...picture, ...sound, side_data_list: 0, disposition: 0, tags: 0 })
  const stream = fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] })
  const kind = fc.record({
    codec_type: fc.constantFrom('video', 'audio', 'data'),
    codec_name: fc.constantFrom('h264', 'aac'),
  })
  const document = fc.record({
    streams: fc.array(fc.tuple(stream, kind).map(([a, b]) => Object.assign(a, b))),
    format: value,
  })
  fc.assert(
    fc.property(fc.oneof(document, fc.anything()), (json) => {
      for (const number of numbersOf(parseProbe(json, 1))) assert.ok(Number.isFinite(number))
    }),
  )
})

function numbersOf(value: unknown): number[] {
  assert.is.not(value, undefined)
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersOf) : []
}
