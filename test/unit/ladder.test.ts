import * as assert from 'uvu/assert'
import { toAudioOutput, toCalls, toVideoOutputs } from '../../plugins/ladder/arguments.ts'
import { toAudioTracks } from '../../plugins/ladder/languages.ts'
import { toLadder } from '../../plugins/ladder/rungs.ts'
import { toEncodeSettings, transcodeOptions } from '../../plugins/transcode/options.ts'
import type { transcode } from '../../plugins/index.ts'
import { toConstantSizeFilters } from '../helpers/filters.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('arguments of renditions')

type Given = Parameters<typeof transcode>[0]
const toSettings = (given: Given = {}) =>
  toEncodeSettings(transcodeOptions.parse({ renditions: [{ height: 720 }, { height: 360 }], ...given }))

function outputsOf(given: Given = {}, video = aVideo({ width: 1280, height: 720 })): string[] {
  const settings = toSettings(given)
  const { rungs } = toLadder(video, settings)
  return toVideoOutputs({ settings, rungs }, aProbe({ video })).map((options) => options.join(' '))
}

test('the source is decoded and deinterlaced once, and scaled for each rung', () => {
  const [first = '', second = ''] = outputsOf({}, aVideo({ width: 1280, height: 720, codec: 'h264', interlaced: true }))
  assert.match(first, /^-filter_complex \[0:2\]bwdif=mode=send_frame:deint=interlaced,split=2\[common0\]\[common1\];/)
  const graph = toConstantSizeFilters(first)
  assert.match(graph, '[common0]scale=1280:720:out_range=tv,setsar=1,format=yuv420p[rung0]')
  assert.is(first.match(/bwdif/g)?.length, 1)
  assert.match(
    second,
    /^-map \[rung1\] -c:v libx264 -preset medium -crf 23 -profile:v high -sc_threshold 0 -maxrate 800k /,
  )
})

test('all rungs have the same keyframes, timestamps and muxer, and no keyframes by count', () => {
  const codecs = (['h264', 'hevc', 'av1', 'vp9'] as const).map((codec) => ({ height: 720, codec }))
  const outputs = outputsOf({ renditions: codecs, keyframeSeconds: 3 })
  const common = outputs.map((text) => /(-fps_mode vfr .*?duration=\S+)/.exec(text)?.[1])
  assert.is(new Set(common).size, 1)
  for (const text of outputs) {
    assert.match(
      text,
      '-force_key_frames expr:if(isnan(prev_forced_t),1,gte(t+0.001,3*(1+floor((prev_forced_t+0.001)/3))))',
    )
    assert.match(text, '-g 9999')
    assert.match(text, '-movflags +frag_keyframe+cmaf+global_sidx')
    assert.match(text, String.raw`setts=pts=if(eq(N\,0)\,0\,PTS)`)
  }
  assert.match(outputs[1] ?? '', /scenecut=0:open-gop=0 -forced-idr 1 .*-tag:v hvc1/)
  assert.match(outputs[2] ?? '', '-svtav1-params enable-force-key-frames=1')
  assert.match(outputs[3] ?? '', /-b:v 2253k .*-keyint_min 9999/)
})

test('hardware encodes the rungs that suit it and have the codec of transcode', () => {
  const settings = toSettings({
    hardware: 'nvenc',
    renditions: [{ height: 720 }, { height: 720, codec: 'vp9' }, { height: 144 }],
  })
  const video = aVideo({ width: 1280, height: 720 })
  const request = { settings, rungs: toLadder(video, settings).rungs, hardware: { family: 'nvenc' } as const }
  const calls = toCalls(request, aProbe({ video }))
  assert.equal(
    calls.map(({ encoder }) => encoder),
    ['h264_nvenc', 'libvpx-vp9', 'libx264'],
  )
  assert.match(calls[0]?.options.join(' ') ?? '', '-maxrate 4500k -bufsize 6750k -g 9999 -forced-idr 1')
})

test('the packet with the delay of the audio encoder is dropped, and Opus starts at a packet', () => {
  const probe = aProbe({ audio: anAudio({ language: 'deu' }) })
  const audio = probe.audio ?? anAudio()
  const aac = toAudioOutput({ audio }, toSettings(), probe).join(' ')
  assert.match(aac, /:first_pts=0,.*-bsf:a noise=drop=eq\(n\\,0\) .*-metadata:s:a:0 language=deu/)
  assert.match(aac, '-frag_duration 2000000 -movflags +cmaf+global_sidx')
  const opus = toAudioOutput({ audio }, toSettings({ audio: { codec: 'opus' } }), probe).join(' ')
  assert.match(opus, ':first_pts=-648,')
  // without padding, the start of the track has to be kept
  const broadcast = toAudioOutput({ audio }, toSettings(), { ...probe, format: 'mpegts' }).join(' ')
  assert.not.match(broadcast, 'first_pts')
  assert.match(broadcast, '+frag_discont')
})

test('languages: the selected track, and on request the best of each other language', () => {
  const [main, second, other, unknown] = ['eng', 'eng', 'fra', undefined].map((language, index) =>
    anAudio({ index, ...(language !== undefined && { language }) }),
  )
  const probe = aProbe({ audio: main ?? null, otherAudio: [second, other, unknown].filter((one) => one !== undefined) })
  const indices = (languages?: 'one' | 'all') =>
    toAudioTracks(probe, { codec: 'aac', kbps: 128, languages }).map(({ index }) => index)
  assert.equal(indices(), [0])
  assert.equal(indices('all'), [0, 2])
  assert.equal(toAudioTracks(aProbe({ audio: null }), { codec: 'aac', kbps: 128 }), [])
})
