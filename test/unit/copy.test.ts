import * as assert from 'uvu/assert'
import type { AudioStream, Probe, VideoStream } from '../../daemon/index.ts'
import { toCopyPlan } from '../../plugins/transcode/copy.ts'
import { toEncodeSettings, transcodeOptions } from '../../plugins/transcode/options.ts'
import { aProbe, anAudio, aVideo } from '../helpers/probes.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('copy')

const settings = (options: Parameters<typeof transcodeOptions.parse>[0] = {}) =>
  toEncodeSettings(transcodeOptions.parse(options))
const wanted = { codec: 'h264', profile: 'High' }
const plan = (options: object = {}, changes: Partial<Probe> = {}) =>
  toCopyPlan(settings(options), aProbe({ video: aVideo(wanted), ...changes }))
const copiesVideo = (changes: Partial<VideoStream>, options: object = {}) =>
  plan(options, { video: aVideo({ ...wanted, ...changes }) }).video
const copiesAudio = (changes: Partial<AudioStream>, options: object = {}) =>
  plan(options, { audio: anAudio(changes) }).audio

test('copies tracks that already are as requested, unless copy is never', () => {
  assert.equal(plan(), { video: true, audio: true })
  assert.equal(plan({ copy: 'never' }), { video: false, audio: false })
  assert.equal(plan({}, { format: 'matroska,webm' }), { video: true, audio: true })
  for (const format of ['mpegts', 'avi', 'flv']) assert.equal(plan({}, { format }), { video: false, audio: false })
})

test('re-encodes video that needs any conversion', () => {
  const needs: Partial<VideoStream>[] = [
    { codec: 'hevc' },
    { profile: 'High 10' },
    { pixelFormat: 'yuvj420p' },
    { pixelFormat: 'yuv422p' },
    { range: 'pc' },
    { transfer: 'smpte2084' },
    { primaries: 'bt2020' },
    { rotation: 180 },
    { mirrored: true },
    { interlaced: true },
    { pixelAspect: 64 / 45 },
    { width: 161 },
    { maxFramesPerSecond: 1000 },
    { startSeconds: 0.3 },
    { packetCount: 400 },
    { descriptionCount: 2 },
    { descriptionCount: 0 },
    { isCut: true },
    { parameterSets: [] },
  ]
  for (const change of needs) assert.is(copiesVideo(change), false, JSON.stringify(change))
  assert.is(copiesVideo({ descriptionCount: 1, isCut: false, parameterSets: ['67', '68'] }), true)
  assert.is(copiesVideo({}), true)
  assert.is(copiesVideo({}, { maxHeight: 720 }), false)
  assert.is(copiesVideo({}, { maxHeight: 1080 }), true)
  assert.is(copiesVideo({}, { codec: 'hevc' }), false)
})

test('copies HDR video where HDR is kept', () => {
  const hdr = {
    codec: 'hevc',
    profile: 'Main 10',
    pixelFormat: 'yuv420p10le',
    transfer: 'smpte2084',
    primaries: 'bt2020',
  }
  assert.is(copiesVideo(hdr, { codec: 'hevc', hdr: 'keep' }), true)
  assert.is(copiesVideo(hdr, { codec: 'hevc' }), false)
  const misleading = { ...hdr, hasImplausibleMastering: true }
  assert.is(copiesVideo(misleading, { codec: 'hevc', hdr: 'keep' }), false)
})

test('copies audio only when every player supports it', () => {
  assert.is(copiesAudio({ sampleRate: 44_100 }), true)
  assert.is(copiesAudio({ codec: 'opus', profile: 'unknown' }, { audio: { codec: 'opus' } }), true)
  for (const change of [
    { channels: 6 },
    { channels: 0 },
    { sampleRate: 96_000 },
    { codec: 'mp3' },
    { profile: 'HE-AAC' },
    { descriptionCount: 2 },
    { isCut: true },
  ])
    assert.is(copiesAudio(change), false, JSON.stringify(change))
  assert.is(copiesAudio({}, { loudness: { target: -16 } }), false)
  assert.is(copiesAudio({ startSeconds: 1 }), false)
})

test('re-encodes AAC whose duration exceeds its packets', () => {
  assert.is(copiesAudio({ packetCount: 469, durationSeconds: 10 }), true)
  assert.is(copiesAudio({ packetCount: 469, durationSeconds: 44_739 }), false)
})
