import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { toDisplaySize, type VideoStream } from '../../daemon/vocabulary/media.ts'
import {
  findUnreadable,
  isDolbyVisionOnly,
  isEncrypted,
  toFrameOrientation,
  withCodedFields,
  NO_CODEC_NAME,
  parseProbe,
  withoutUndecodable,
} from '../../daemon/probe/parse.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('probe')

const videoTrack = {
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
const audioTrack = {
  index: 1,
  codec_type: 'audio',
  codec_name: 'aac',
  channels: 2,
  sample_rate: '44100',
  duration: '3.23',
}
const container = { format_name: 'mov,mp4', duration: '3.280000' }

const parse = (...streams: object[]) => parseProbe({ streams, format: container }, 1000)
const rotation = (degrees: unknown) =>
  parse({ ...videoTrack, side_data_list: [{}, { rotation: degrees }] }).video?.rotation

test('parses an ordinary file', () => {
  assert.equal(parse(videoTrack, audioTrack), {
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

test('rotation is counter-clockwise in the display matrix, clockwise in the tag', () => {
  assert.equal([-90, 90, 180, -180, -270, '-90', 0].map(rotation), [90, 270, 180, 180, 270, 90, 0])
  assert.is(parse({ ...videoTrack, tags: { rotate: '90' } }).video?.rotation, 90)
  assert.is(parse({ ...videoTrack, tags: { rotate: '90' }, side_data_list: [{ rotation: 0 }] }).video?.rotation, 0)
})

test('ignores rotations that no player applies', () => {
  assert.equal(
    [-9223372036854775808, 'N/A', null, 45, Number.NaN, '', {}, 1e300].map(rotation),
    [0, 0, 0, 0, 0, 0, 0, 0],
  )
})

test('the display size has the rotation applied', () => {
  const { video } = parse({ ...videoTrack, side_data_list: [{ rotation: -90 }] })
  assert.ok(video)
  assert.equal(toDisplaySize(video), { width: 1080, height: 1920 })
})

test('cover art is not a video track', () => {
  const cover = { ...videoTrack, codec_name: 'mjpeg', disposition: { attached_pic: 1 } }
  assert.is(parse(cover, audioTrack).video, null)
  assert.is(parse(cover, { ...videoTrack, index: 2 }).video?.index, 2)
})

test('selects a video track that can be decoded and the default audio track', () => {
  const unknown = { ...videoTrack, codec_name: 'unknown' }
  assert.is(parse(unknown, { ...videoTrack, index: 3 }).video?.index, 3)
  const chosen = { ...audioTrack, index: 5, disposition: { default: 1 } }
  assert.is(parse(audioTrack, chosen).audio?.index, 5)
  assert.is(parse({ ...audioTrack, index: 4 }, audioTrack).audio?.index, 4)
})

/** Parses a display matrix with this upper left part. */
function orientationOf(...[a = 0, b = 0, c = 0, d = 0]: number[]): unknown[] {
  const rows = [
    [a, b, 0],
    [c, d, 0],
    [0, 0, 16_384],
  ]
  const text = rows.map((row, i) => `0000000${i}: ${row.map((n) => String(n * 65_536).padStart(12)).join('')}\n`)
  const { video } = parse({ ...videoTrack, side_data_list: [{ displaymatrix: `\n${text.join('')}`, rotation: 45 }] })
  return [video?.rotation, video?.mirrored]
}

test('parses every rotation and mirroring of the display matrix', () => {
  assert.equal(orientationOf(1, 0, 0, 1), [0, false])
  assert.equal(orientationOf(0, 1, -1, 0), [90, false])
  assert.equal(orientationOf(-1, 0, 0, -1), [180, false])
  assert.equal(orientationOf(0, -1, 1, 0), [270, false])
  assert.equal(orientationOf(-1, 0, 0, 1), [0, true])
  assert.equal(orientationOf(0, 1, 1, 0), [270, true])
  assert.equal(orientationOf(1, 0, 0, -1), [180, true])
  assert.equal(orientationOf(0, -1, -1, 0), [90, true])
  assert.equal(orientationOf(0, 0, 0, 0), [0, false])
})

test('reports a codec without a decoder by its name, and detects encrypted tracks', () => {
  const json = { streams: [videoTrack, { ...audioTrack, codec_name: 'ac4' }] }
  const stderr = '[warning] Unsupported codec with id 86118 for input stream 1\n'
  assert.equal(findUnreadable(withoutUndecodable(json, stderr)), { video: null, audio: 'ac4' })
  assert.equal(isEncrypted(json, stderr), false)
  assert.equal(isEncrypted({ streams: [{ ...videoTrack, tags: { enc_key_id: 'yb==' } }] }, ''), true)
  const sampleAes = { streams: [{ ...videoTrack, codec_tag_string: '[219][0][0][0]' }] }
  assert.equal(isEncrypted({ ...sampleAes, format: { format_name: 'mpegts' } }, ''), true)
  assert.equal(isEncrypted({ ...sampleAes, format: { format_name: 'avi' } }, ''), false)
})

function dolby(profile: number, compatibility: number, index = 0): boolean {
  const side = { dv_profile: profile, dv_bl_signal_compatibility_id: compatibility }
  return isDolbyVisionOnly({ streams: [{ index: 1 }, { index: 0, side_data_list: [side] }] }, { index })
}

test('reads the orientation from the first frame, and whether Dolby Vision has a compatible base layer', () => {
  const matrix = '\n00000000: 0 65536 0\n00000001: -65536 0 0\n00000002: 0 0 1073741824\n'
  assert.equal(toFrameOrientation({ frames: [{ side_data_list: [{ displaymatrix: matrix }] }] })?.rotation, 90)
  assert.is(toFrameOrientation({ frames: [{}] }), null)
  assert.equal([dolby(5, 0), dolby(8, 1), dolby(5, 0, 1)], [true, false, false])
  assert.is(isDolbyVisionOnly({ streams: [videoTrack] }, null), false)
})

const field = (interlaced_frame: number, top_field_first: number) => ({
  frames: [{ interlaced_frame, top_field_first }],
})

test('converts HEVC that is coded as fields to frames of two fields', () => {
  const hevc = { ...parse({ ...videoTrack, codec_name: 'hevc', nb_frames: '101' }).video, height: 540 } as VideoStream
  const { height, framesPerSecond, packetCount, interlaced, codedFields } = withCodedFields(hevc, field(1, 1))
  const rate = (hevc.framesPerSecond ?? 0) / 2
  assert.equal([height, framesPerSecond, packetCount, interlaced, codedFields], [1080, rate, 50, true, 'top'])
  assert.is(withCodedFields(hevc, field(1, 0)).codedFields, 'bottom')
  for (const other of [field(0, 0), { frames: [] }, null]) assert.equal(withCodedFields(hevc, other), hevc)
  assert.is(withCodedFields({ ...hevc, codec: 'h264' }, field(1, 1)).codedFields, undefined)
})

test('reads durations from tags', () => {
  const tagged = { ...videoTrack, duration: 'N/A', tags: { DURATION: '01:00:02.500000000' } }
  assert.is(parse(tagged).video?.durationSeconds, 3602.5)
  assert.is(parse({ ...tagged, start_time: '3600' }).video?.durationSeconds, 2.5)
})

test('names the codecs that it cannot read', () => {
  const streams = [
    { codec_type: 'video', codec_tag_string: 'vvc1' },
    { codec_type: 'audio', codec_name: 'unknown', codec_tag_string: '[0][0][0][0]' },
  ]
  assert.equal(findUnreadable({ streams }), { video: 'vvc1', audio: NO_CODEC_NAME })
  assert.equal(findUnreadable({ streams: [videoTrack, audioTrack] }), { video: null, audio: null })
})

test('returns null or 0 for N/A, 0/0 and missing values', () => {
  const odd = {
    ...videoTrack,
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

test('parses sample aspect ratio and field order', () => {
  const { video } = parse({ ...videoTrack, sample_aspect_ratio: '64:45', field_order: 'tt' })
  assert.is(video?.pixelAspect, 64 / 45)
  assert.is(video?.interlaced, true)
  assert.is(parse({ ...videoTrack, sample_aspect_ratio: '1000000:1' }).video?.pixelAspect, 1)
})

test('returns finite numbers for any JSON', () => {
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
  const keys = Object.keys({ ...videoTrack, ...audioTrack, side_data_list: 0, disposition: 0, tags: 0 })
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
