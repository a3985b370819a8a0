import * as assert from 'uvu/assert'
import type { Probe } from '../../daemon/index.ts'
import { toJitterDetection } from '../../plugins/audio/smoothing.ts'
import { toDetectionFilters } from '../../plugins/frames/mid-stream.ts'
import { audioCodecs, videoCodecs, type VideoCodec } from '../../plugins/transcode/codecs.ts'
import { reencodeAll, toCopyPlan } from '../../plugins/transcode/copy.ts'
import { toEncodeSettings, transcodeOptions, type EncodeSettings } from '../../plugins/transcode/options.ts'
import { findResultDefect, isBadCopy } from '../../plugins/transcode/result/result.ts'
import { toDecodeCheck, transcode, transcodeArguments } from '../../plugins/transcode/transcode.ts'
import { toConstantSizeFilters } from '../helpers/filters.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('transcode')

const probe = aProbe()
const settings = toEncodeSettings(transcodeOptions.parse({}))

function line(changes: Partial<EncodeSettings> = {}, source: Probe = probe): string {
  const chosen = { ...settings, ...changes }
  return transcodeArguments({ settings: chosen, plan: toCopyPlan(chosen, source) }, source).join(' ')
}
const problems = (...[options]: Parameters<typeof transcode>) =>
  transcode(options).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
const intact = { undecodable: {}, truncated: false, gaps: false, nonMonotonic: false, detections: [] }
const defect = (result: Partial<Probe>, outSeconds: number | null = 10) =>
  findResultDefect({ result: { ...probe, ...result }, outSeconds, corruption: intact }, probe)?.message ?? null

test('builds the command line for an ordinary source', () => {
  assert.is(
    toConstantSizeFilters(line()),
    '-map 0:2 -c:v libx264 -preset medium -crf 23 -profile:v high ' +
      '-vf scale=1920:1080:out_range=tv,setsar=1,format=yuv420p -pix_fmt yuv420p ' +
      '-fps_mode vfr -enc_time_base:v 1:30000 ' +
      String.raw`-bsf:v setts=pts=if(eq(N\,0)*lt(PTS*TB\,1.000)\,0\,PTS):dts=if(eq(N\,0)*lt(PTS*TB\,1.000)\,min(DTS\,0)\,DTS):duration=0.033333333/TB ` +
      '-map 0:5 -c:a copy -sn -dn -map_chapters -1 ' +
      '-map_metadata -1 -map_metadata:s -1 -max_muxing_queue_size 65536 -movflags +faststart',
  )
})

test('copies without filters, and decodes the copied tracks with detection filters', () => {
  const source = aProbe({ video: aVideo({ codec: 'h264', profile: 'High' }) })
  assert.match(line({}, source), /^-map 0:2 -c:v copy -tag:v avc1 -map 0:5 -c:a copy /)
  const request = { settings, plan: { video: true, audio: true } }
  const detecting = toDetectionFilters(source.video ?? aVideo()).join(',')
  assert.equal(toDecodeCheck(request, source), [
    '-map',
    '0:2',
    '-map',
    '0:5',
    '-vf',
    detecting,
    '-af',
    toJitterDetection(3),
    '-fps_mode',
    'passthrough',
  ])
  const audioOnly = { settings, plan: { video: false, audio: true } }
  const expected = ['-map', '0:5', '-af', toJitterDetection(3), '-fps_mode', 'passthrough']
  assert.equal(toDecodeCheck(audioOnly, source), expected)
  assert.is(toDecodeCheck({ settings, plan: reencodeAll }, source), undefined)
})

test('keeps chapters and languages, and other metadata on request', () => {
  const source = aProbe({ chapterCount: 2, audio: anAudio({ language: 'deu' }) })
  assert.match(line({}, source), '-map_chapters 0 -map_metadata -1 -map_metadata:s -1 -metadata:s:a:0 language=deu')
  assert.not.match(line({ metadata: 'keep' }, source), '-map_metadata')
})

test('uses the encoder and the options of each codec', () => {
  assert.match(line({ codec: 'hevc', crf: 28, preset: 'fast' }), '-c:v libx265 -preset fast -crf 28 -profile:v main')
  assert.match(line({ codec: 'hevc' }), '-tag:v hvc1')
  assert.not.match(line({ codec: 'hevc', container: 'mkv' }), '-tag:v')
  assert.match(line({ codec: 'av1', crf: 35, preset: 8 }), '-c:v libsvtav1 -preset 8 -crf 35')
  assert.match(line({ codec: 'vp9', crf: 32, preset: 4 }), '-c:v libvpx-vp9 -crf 32 -b:v 0 -deadline good -cpu-used 4')
})

test('sets the rate of the encoder where ffmpeg would pass an implausible one', () => {
  const fast = aProbe({ video: aVideo({ framesPerSecond: 100, maxFramesPerSecond: 1000 }) })
  assert.match(line({}, fast), '-profile:v high -x264-params fps=111 -vf')
  assert.match(line({ codec: 'hevc' }, fast), '-x265-params log-level=error:fps=111 -vf')
  assert.not.match(line({ codec: 'vp9' }, fast), 'fps=')
  const av1 = line({ codec: 'av1' }, fast)
  assert.match(av1, 'interleave=nb_inputs=1,scale')
  assert.match(av1, '-enc_time_base:v 1:240 ')
  assert.match(av1, '-video_track_timescale 240 ')
  const constant = line({ codec: 'av1' }, aProbe({ video: aVideo({ framesPerSecond: 120, maxFramesPerSecond: 120 }) }))
  assert.not.match(constant, 'interleave')
  assert.match(constant, '-enc_time_base:v 1:120000 ')
})

test('moves the index to the front only in mp4', () => {
  assert.not.match(line({ container: 'mkv' }), 'movflags')
  assert.not.match(line({ codec: 'vp9', container: 'webm' }), 'movflags')
})

test('re-encodes other audio to AAC or Opus with at most two channels', () => {
  const audioLine = (changes: Partial<ReturnType<typeof anAudio>>) => line({}, aProbe({ audio: anAudio(changes) }))
  const stereo = ',aformat=channel_layouts=stereo -c:a aac -b:a 160k -ar 48000'
  const resample = ',aresample=48000:async=1:min_hard_comp=0.04:max_soft_comp=0.04:flags=res:first_pts=0,'
  for (const part of [resample, 'pan=stereo|FL<', stereo]) assert.match(audioLine({ channels: 6 }), part)
  assert.match(audioLine({ channels: 1, codec: 'mp3' }), 'channel_layouts=mono')
  assert.match(line({ audio: { codec: 'opus', kbps: 96 } }), '-c:a libopus -b:a 96k')
})

test('handles a source without audio or without video', () => {
  assert.match(line({}, { ...probe, audio: null }), ' -an -sn')
  assert.match(line({}, { ...probe, video: null }), /^-vn -map 0:5/)
})

test('keeps HDR with 10 bits and mastering metadata', () => {
  const point = { x: 13_250, y: 34_500 }
  const display = { red: point, green: point, blue: point, white: point, luminance: { min: 1, max: 10_000_000 } }
  const mastering = { display, light: { max: 1000, average: 400 } }
  const source = aProbe({ video: aVideo({ transfer: 'smpte2084', mastering }) })
  const hevc = line({ codec: 'hevc', hdr: 'keep' }, source)
  assert.match(hevc, '-profile:v main10')
  assert.match(
    hevc,
    'master-display=G(13250,34500)B(13250,34500)R(13250,34500)WP(13250,34500)L(10000000,1):max-cll=1000,400',
  )
  assert.match(hevc, '-pix_fmt yuv420p10le')
  assert.match(line({ codec: 'av1', hdr: 'keep' }, source), 'mastering-display=G(0.26500,0.69000)')
  assert.match(line({ codec: 'hevc' }, source), '-profile:v main -x265-params log-level=error -vf')
})

test('the defaults of each codec are valid, with their keys and encoders', () => {
  for (const codec of Object.keys(videoCodecs) as VideoCodec[]) {
    const plugin = transcode({ codec })
    assert.equal(plugin.problems, [])
    assert.equal(plugin.hooks.keys, ['cvted_{name}.mp4'])
    assert.equal(plugin.hooks.encoders, [videoCodecs[codec].encoder, 'aac'])
  }
  assert.equal(transcode({ codec: 'vp9', key: '{name}.webm' }).hooks.encoders, ['libvpx-vp9', 'libopus'])
  assert.is(audioCodecs.aac.kbps, 160)
})

test('reports all options that do not fit the codec at once', () => {
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

test('reports wrong types and unknown options', () => {
  assert.is(problems({ codec: 'xvid' } as never).length, 1)
  assert.is(problems({ crf: '23' } as never).length, 1)
  assert.match(problems({ outputOptions: '-f x' } as never).join(), 'outputOptions')
  assert.match(problems({ audio: { bitrate: 1 } } as never).join(), 'bitrate')
})

test('reports options that need other options', () => {
  assert.equal(problems({ fit: 'cover', maxWidth: 100 }), ['fit: "cover" needs maxWidth and maxHeight'])
  assert.equal(problems({ hdr: 'keep' }), ['hdr: h264 cannot keep HDR: choose hevc or av1'])
  assert.equal(problems({ hdr: 'keep', codec: 'av1' }), [])
  assert.equal(problems({ subtitles: 'webvtt', subtitlesKey: '{name}.vtt' }), [
    'subtitlesKey: must contain {name} or {id}, and {n}',
  ])
  assert.equal(transcode({ subtitles: 'webvtt' }).hooks.keys, ['cvted_{name}.mp4', 'sub_{name}_{n}.vtt'])
  assert.is(problems({ loudness: { target: 3 } }).length, 1)
})

test('pads audio that starts later than the video with silence', () => {
  const late = aProbe({ audio: anAudio({ codec: 'ac3', startSeconds: 0.5 }) })
  assert.match(line({}, late), 'flags=res:first_pts=0,')
  assert.match(line({}, aProbe({ audio: anAudio({ codec: 'ac3' }) })), 'flags=res,')
})

test('detects a copy that would not play well', () => {
  const good = { ...probe, audio: anAudio({ packetCount: 469 }) }
  const bad = (result: Partial<Probe>, outSeconds = 10, source = probe) =>
    isBadCopy(
      {
        path: '',
        seconds: 1,
        cpuSeconds: 1,
        frames: 300,
        droppedFrames: 0,
        outSeconds,
        corruption: intact,
        result: { ...good, ...result },
      },
      source,
    )
  assert.is(bad({}), false)
  assert.is(bad({}, 10.2), true)
  const long = aProbe({ video: aVideo({ packetCount: 300, durationSeconds: 25 }) })
  assert.is(bad({ durationSeconds: 25 }, 10, long), false)
  assert.is(bad({ durationSeconds: 20 }, 10, long), true)
  assert.is(bad({ video: aVideo({ startSeconds: 0.3 }) }), true)
  assert.is(bad({ audio: anAudio({ packetCount: 330 }) }), true)
  assert.is(
    findResultDefect({ result: good, outSeconds: 10, corruption: { ...intact, nonMonotonic: true } }, probe)?.code,
    'input.corrupt',
  )
})

test('detects an incomplete result', () => {
  assert.is(defect({}), null)
  assert.is(defect({ durationSeconds: 9.6 }), null)
  assert.is(defect({ durationSeconds: 98.1 }, 100), null)
  assert.is(defect({}, null), null)
  assert.is(defect({ video: null }), 'none of the video can be decoded')
  assert.is(defect({ audio: null }), 'none of the audio can be decoded')
  assert.is(defect({ durationSeconds: 9.4 }), 'the transcoded file lasts 9.4 s, but ffmpeg wrote 10 s')
  assert.is(defect({ durationSeconds: null }), 'the transcoded file lasts 0 s, but ffmpeg wrote 10 s')
})

const counted = (packetCount: number) => aVideo({ packetCount })

test('accepts a result that is shorter by its last frame only', () => {
  const find = (result: Partial<Probe>, source: Probe) =>
    findResultDefect({ result: { ...probe, ...result }, outSeconds: 10, frames: 50, corruption: intact }, source)
      ?.code ?? null
  assert.is(find({ durationSeconds: 2, video: counted(50) }, probe), null)
  assert.is(find({ durationSeconds: 2, video: counted(49) }, probe), 'internal.output')
  // containers without a frame count: the result has every frame of the source, or its declared duration
  assert.is(find({ durationSeconds: 2 }, aProbe({ video: counted(50) })), null)
  assert.is(find({ durationSeconds: 2 }, aProbe({ video: counted(51) })), 'internal.output')
  assert.is(find({ durationSeconds: 2 }, aProbe({ video: aVideo({ durationSeconds: 2 }), audio: null })), null)
})
