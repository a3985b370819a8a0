import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Probe, VideoStream } from '../../daemon/index.ts'
import { audioCodecs, videoCodecs, type VideoCodec } from '../../plugins/codecs.ts'
import { toEvenSize, toFilters } from '../../plugins/picture.ts'
import { findFlaw, transcode, transcodeArguments, type Recipe } from '../../plugins/transcode.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('transcode')

const video: VideoStream = {
  index: 2,
  codec: 'hevc',
  width: 1920,
  height: 1080,
  rotation: 0,
  pixelFormat: 'yuv420p10le',
  framesPerSecond: 30,
  durationSeconds: 10,
}
const audio = { index: 5, codec: 'aac', channels: 2, sampleRate: 48_000, durationSeconds: 10 }
const probe: Probe = { format: 'mov,mp4', durationSeconds: 10, sizeBytes: 1000, video, audio, streamCount: 7 }
const recipe: Recipe = {
  codec: 'h264',
  crf: 23,
  preset: 'medium',
  audio: { codec: 'aac', kbps: 160 },
  toneMap: true,
  container: 'mp4',
}

const line = (changes: Partial<Recipe> = {}, source: Probe = probe) =>
  transcodeArguments({ ...recipe, ...changes }, source).join(' ')
const problems = (...[options]: Parameters<typeof transcode>) =>
  transcode(options).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)

const size = (changes: Partial<VideoStream>, limits = {}) =>
  Object.values(toEvenSize({ ...video, ...changes }, limits)).join('x')
const filters = (changes: Partial<VideoStream>, toneMap = true) =>
  toFilters({ ...video, ...changes }, { width: 640, height: 360 }, { toneMap })
const flaw = (result: Partial<Probe>, outSeconds: number | null = 10) =>
  findFlaw({ probe, result: { ...probe, ...result }, outSeconds })

const rate = (framesPerSecond: number | null) =>
  /-fpsmax (\d+)/.exec(line({}, { ...probe, video: { ...video, framesPerSecond } }))?.[1]

test('the whole command line of an ordinary source', () => {
  assert.is(
    line(),
    '-map 0:2 -c:v libx264 -preset medium -crf 23 -profile:v high -vf scale=1920:1080,setsar=1 -pix_fmt yuv420p -fpsmax 60 ' +
      '-map 0:5 -c:a copy -sn -dn -map_metadata -1 -map_chapters -1 -max_muxing_queue_size 1024 -movflags +faststart',
  )
})

test('every codec has its encoder and its own options', () => {
  assert.match(line({ codec: 'hevc', crf: 28, preset: 'fast' }), '-c:v libx265 -preset fast -crf 28 -profile:v main')
  assert.match(line({ codec: 'hevc' }), '-tag:v hvc1')
  assert.not.match(line({ codec: 'hevc', container: 'mkv' }), '-tag:v')
  assert.match(line({ codec: 'av1', crf: 35, preset: 8 }), '-c:v libsvtav1 -preset 8 -crf 35')
  assert.match(line({ codec: 'vp9', crf: 32, preset: 4 }), '-c:v libvpx-vp9 -crf 32 -b:v 0 -deadline good -cpu-used 4')
})

test('only mp4 has its index moved', () => {
  assert.not.match(line({ container: 'mkv' }), 'movflags')
  assert.not.match(line({ codec: 'vp9', container: 'webm' }), 'movflags')
})

test('sound is copied only when every player takes it as it is', () => {
  const encoded = '-c:a aac -b:a 160k -ac 2 -ar 48000'
  const heard = (changes: Partial<typeof audio>, format = 'mov,mp4') =>
    line({}, { ...probe, format, audio: { ...audio, ...changes } })
  assert.match(heard({ sampleRate: 44_100 }), '-c:a copy')
  assert.match(heard({}, 'matroska,webm'), '-c:a copy')
  assert.match(heard({ channels: 6 }), encoded)
  assert.match(heard({ channels: 0 }), encoded)
  assert.match(heard({ sampleRate: 96_000 }), encoded)
  assert.match(heard({ codec: 'mp3' }), encoded)
  assert.match(heard({}, 'mpegts'), encoded)
  assert.match(heard({ codec: 'pcm_s16le', channels: 1 }), '-c:a aac -b:a 160k -ac 1 -ar 48000')
  assert.match(line({ audio: { codec: 'opus', kbps: 96 } }), '-c:a libopus -b:a 96k -ac 2 -ar 48000')
})

test('a source without sound or without a picture', () => {
  assert.match(line({}, { ...probe, audio: null }), ' -an -sn')
  assert.match(line({}, { ...probe, video: null }), /^-vn -map 0:5/)
})

test('rates that nobody can mean are cut to 60, real ones are kept', () => {
  assert.equal([null, 30, 60, 119.88, 240, 1000, 90_000].map(rate), ['60', '60', '66', '132', '240', '60', '60'])
})

test('sizes: upright, square pixels, even, nothing enlarged', () => {
  assert.is(size({}), '1920x1080')
  assert.is(size({ rotation: 90 }), '1080x1920')
  assert.is(size({ width: 161, height: 121 }), '160x120')
  assert.is(size({ width: 720, height: 576, pixelAspect: 64 / 45 }), '1024x576')
  assert.is(size({ width: 720, height: 576, pixelAspect: 64 / 45, rotation: 270 }), '576x1024')
  assert.is(size({ width: 1, height: 1 }), '2x2')
  assert.is(size({}, { maxWidth: 320 }), '320x180')
  assert.is(size({}, { maxWidth: 8000 }), '1920x1080')
  assert.is(size({ width: 32, height: 16 }, { minSide: 64 }), '128x64')
})

test('whatever the source says, a size is even and can be encoded', () => {
  const source = fc.record({
    width: fc.integer({ min: 1, max: 60_000 }),
    height: fc.integer({ min: 1, max: 60_000 }),
    pixelAspect: fc.double({ min: 0.1, max: 10, noNaN: true }),
  })
  fc.assert(
    fc.property(source, fc.constantFrom(2, 16, 64), (changes, minSide) => {
      const { width, height } = toEvenSize({ ...video, ...changes }, { minSide })
      for (const side of [width, height]) assert.ok(side % 2 === 0 && side >= minSide && side <= 16_384)
    }),
  )
})

test('HDR becomes SDR unless told otherwise, half-pictures are woven', () => {
  assert.match(filters({ transfer: 'smpte2084' }), /^scale=640:360,setsar=1,zscale=.*tonemap=hable.*range=tv$/)
  assert.match(filters({ transfer: 'arib-std-b67' }), 'tonemap')
  assert.is(filters({ transfer: 'bt709' }), 'scale=640:360,setsar=1')
  assert.is(filters({ transfer: 'smpte2084' }, false), 'scale=640:360,setsar=1')
  assert.match(filters({ interlaced: true }), /^yadif=deint=interlaced,scale/)
})

test('defaults: every codec fits its own limits, and says what it writes and needs', () => {
  for (const codec of Object.keys(videoCodecs) as VideoCodec[]) {
    const plugin = transcode({ codec })
    assert.equal(plugin.problems, [])
    assert.equal(plugin.hooks.keys, ['cvted_{name}.mp4'])
    assert.equal(plugin.hooks.encoders, [videoCodecs[codec].encoder, 'aac'])
  }
  assert.equal(transcode({ codec: 'vp9', key: '{name}.webm' }).hooks.encoders, ['libvpx-vp9', 'libopus'])
  assert.is(audioCodecs.aac.kbps, 160)
})

test('options that do not fit the codec are problems, all of them at once', () => {
  assert.equal(problems({ codec: 'h264', crf: 52 }), ['crf: h264 takes 0 to 51'])
  assert.equal(problems({ codec: 'av1', crf: 63 }), [])
  assert.match(problems({ codec: 'av1', preset: 'medium' })[0] ?? '', 'preset: av1 takes one of: 0, 1')
  assert.match(problems({ codec: 'h264', preset: 8 })[0] ?? '', 'preset: h264 takes one of: ultrafast')
  assert.match(problems({ codec: 'vp9', preset: 6 })[0] ?? '', 'preset')
  assert.equal(problems({ codec: 'h264', key: '{name}.webm' }), ['codec: h264 does not go into webm'])
  assert.equal(problems({ codec: 'vp9', key: '{name}.webm', audio: { codec: 'aac' } }), [
    'audio.codec: aac does not go into webm',
  ])
  assert.equal(problems({ key: '{name}.avi' }), ['key: must end in .mp4, .webm or .mkv'])
  assert.match(problems({ key: 'video.mp4' })[0] ?? '', 'key: must contain {name} or {id}')
  assert.is(problems({ crf: 99, preset: 'no', key: 'x.webm' }).length, 4)
})

test('wrong types and unknown options are problems', () => {
  assert.is(problems({ codec: 'xvid' } as never).length, 1)
  assert.is(problems({ crf: '23' } as never).length, 1)
  assert.match(problems({ outputOptions: '-f x' } as never).join(), 'outputOptions')
  assert.match(problems({ audio: { bitrate: 1 } } as never).join(), 'bitrate')
})

test('a result that lacks something is found', () => {
  assert.is(flaw({}), null)
  assert.is(flaw({ durationSeconds: 9.6 }), null)
  assert.is(flaw({ durationSeconds: 98.1 }, 100), null)
  assert.is(flaw({}, null), null)
  assert.is(flaw({ video: null }), 'it has no picture')
  assert.is(flaw({ audio: null }), 'it has no sound')
  assert.is(flaw({ durationSeconds: 9.4 }), 'it lasts 9.4 s, but ffmpeg wrote 10 s')
  assert.is(flaw({ durationSeconds: null }), 'it lasts 0 s, but ffmpeg wrote 10 s')
})
